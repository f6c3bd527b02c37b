"""pmod trace: a recorded run as table, map, JSON and export, equal to the run's own record."""

import csv
import io
import os
import struct
import subprocess
import tempfile
import zipfile

from pmodcli import DEMO, IMAGES, TINY, TINY_NEXT, fixture, good, main, parse, run


def traced(folder, model, *args):
    """A trace file and the record of the same run."""
    path = os.path.join(folder, 'run.pmodtrace')
    text = good('run', model, *args, '--trace', path, '--json', '-', '--full').stdout
    return path, parse(text)


def test_same():
    """Layers, counters and tokens are those of the record."""
    with tempfile.TemporaryDirectory() as folder:
        path, value = traced(folder, TINY, '--image', os.path.join(IMAGES, 'landscape.png'),
                             '--prompt', 'What is it?', '--max-new-tokens', '5')
        shown, = parse(good('trace', path, '--json', '--full').stdout)['runs']
        for key in ('layers', 'flops', 'kv_cache'):
            assert shown[key] == value[key], key
        assert [token['id'] for token in shown['tokens_new']] == value['output']['token_ids']
        assert shown['finish'] == value['output']['finish']
        assert shown['images'][0]['planes'][0]['rows'] == 24
        assert os.listdir(folder) == ['run.pmodtrace'], os.listdir(folder)


def test_table():
    with tempfile.TemporaryDirectory() as folder:
        path, value = traced(folder, DEMO, '--image', fixture('demo', 'seen-01.png'),
                             '--prompt', 'What color is the background?')
        text = good('trace', path).stdout
        for layer in value['layers']:
            ratio = f"{layer['ratio']:.3f}" if layer['routed'] else 'plain'
            start = f"  {layer['index']:5}  {ratio} {layer['n_kept']:7} {layer['kv_len']:7} "
            assert start in text, (start, text)
        assert value['output']['text'] in text and 'finish: eos' in text
        assert 'never read' in text


def rows_of(text, kept, skipped):
    """The map's rows as lists of booleans."""
    rows = [line.strip() for line in text.splitlines()]
    rows = [line for line in rows if line and set(line) <= {kept, skipped}]
    return [[pair[0] == kept for pair in zip(row[::2], row[1::2])] for row in rows]


def test_map():
    with tempfile.TemporaryDirectory() as folder:
        path, value = traced(folder, DEMO, '--image', fixture('demo', 'seen-02.png'),
                             '--prompt', 'What do you see?')
        for layer in (0, 2, 4):
            flat = [x for row in rows_of(good('trace', path, '--layer', str(layer)).stdout, '█', '·')
                    for x in row]
            assert len(flat) == 64
            assert [i for i, kept in enumerate(flat) if kept] == value['layers'][layer]['kept']
        env = dict(os.environ, LC_ALL='C')
        assert '##' in good('trace', path, '--layer', '2', env=env).stdout


def test_map_anyres():
    """Two planes; the newlines of the fine one are no part of the picture."""
    with tempfile.TemporaryDirectory() as folder:
        path, value = traced(folder, TINY_NEXT, '--image', os.path.join(IMAGES, 'portrait.png'),
                             '--prompt', 'What is it?', '--max-new-tokens', '1')
        coarse, fine = value['images'][0]['planes']
        rows = rows_of(good('trace', path, '--layer', '20').stdout, '█', '·')
        assert len(rows) == coarse['rows'] + fine['rows']
        kept = set(value['layers'][20]['kept'])
        first = coarse['first_token']
        for r in range(fine['rows']):
            for c in range(fine['cols']):
                token = fine['first_token'] - first + r * (fine['cols'] + 1) + c
                assert rows[coarse['rows'] + r][c] == (token in kept), (r, c)


def test_bad():
    with tempfile.TemporaryDirectory() as folder:
        path, _ = traced(folder, DEMO, '--prompt', 'red', '--max-new-tokens', '2')
        done = run('trace', path, '--layer', '6')
        assert done.returncode == 1 and 'layers 0 to 5' in done.stderr, done.stderr


def floats(value):
    return [struct.unpack('f', struct.pack('f', x))[0] for x in value]


def test_export():
    """CSV and JSON say of every layer and token what the record says."""
    with tempfile.TemporaryDirectory() as folder:
        path, value = traced(folder, TINY_NEXT, '--image', os.path.join(IMAGES, 'portrait.png'),
                             '--prompt', 'What is it?', '--max-new-tokens', '2')
        rows = csv.DictReader(io.StringIO(good('trace', path, '--export', 'csv').stdout))
        table = {(int(row['layer']), int(row['token'])): row for row in rows}
        out = os.path.join(folder, 'out.json')
        assert good('trace', path, '--export', 'json', '--output', out).stdout == ''
        with open(out, encoding='utf-8') as file:
            routing = parse(file.read())
        assert len(table) == sum(layer['n_vision'] for layer in value['layers'])
        for layer, other in zip(value['layers'], routing['layers']):
            index, n = layer['index'], layer['n_vision']
            mine = [table[index, token] for token in range(n)]
            assert [t for t in range(n) if mine[t]['kept'] == '1'] == layer['kept'] == other['kept']
            assert {float(row['ratio']) for row in mine} == {layer['ratio']}
            assert other['ratio'] == layer['ratio'] and other['ties'] == layer['ties']
            if layer['routed']:
                assert floats(float(r['weight']) for r in mine) == floats(layer['weight'])
                assert floats(float(r['logit']) for r in mine) == floats(layer['logit'])
                assert floats(other['weight']) == floats(layer['weight'])
            else:
                assert {(row['weight'], row['logit']) for row in mine} == {('1', '')}
        check_places(value['images'][0]['planes'], table, routing['tokens'])


def check_places(planes, table, tokens):
    """Each cell of each plane once, newlines nowhere."""
    cells = sorted((p, r, c) for p, plane in enumerate(planes)
                   for r in range(plane['rows']) for c in range(plane['cols']))
    found = [tuple(int(table[0, t][key]) for key in ('plane', 'row', 'col'))
             for t in range(len(tokens['row']))]
    assert sorted(place for place in found if place[0] >= 0) == cells
    assert found.count((-1, -1, -1)) == planes[1]['rows']
    assert found == list(zip(tokens['plane'], tokens['row'], tokens['col']))
    fine = planes[1]['first_token'] - planes[0]['first_token']
    assert found[fine + planes[1]['cols'] + 1] == (1, 1, 0)


NUMPY = """
import numpy, sys
arrays = numpy.load(sys.argv[1])
for name in arrays.files:
    a = arrays[name]
    print(name, a.dtype, a.shape, repr(float(numpy.nansum(a.astype("f8")))))
"""


def test_export_numpy():
    with tempfile.TemporaryDirectory() as folder:
        path, value = traced(folder, DEMO, '--image', fixture('demo', 'seen-01.png'),
                             '--prompt', 'What color is the background?')
        out = os.path.join(folder, 'out.npz')
        good('trace', path, '--export', 'npy', '--output', out)
        with zipfile.ZipFile(out) as file:
            assert file.testzip() is None
        # The bindings to numpy belong to the system's python, where they are installed at all.
        python = '/usr/bin/python3' if os.path.exists('/usr/bin/python3') else 'python3'
        done = subprocess.run([python, '-c', NUMPY, out], capture_output=True, text=True)
        if 'No module named' in done.stderr:
            print('# no numpy: its own reader was not asked')
            return
        shown = {line.split()[0]: line.split(maxsplit=1)[1] for line in done.stdout.splitlines()}
        n_kept = sum(layer['n_kept'] for layer in value['layers'])
        assert shown['kept'] == f'uint8 (6, 64) {float(n_kept)}', shown['kept']
        assert shown['weight'].startswith('float32 (6, 64)'), shown['weight']
        assert shown['logit'].startswith('float32 (6, 64)'), shown['logit']
        assert shown['col'] == f'int32 (64,) {float(8 * sum(range(8)))}', shown['col']
        total = sum(sum(x['weight']) if x['routed'] else 64 for x in value['layers'])
        assert abs(float(shown['weight'].split()[-1]) - total) < 1e-4


def test_export_runs():
    """The last run where none is named, and the named one."""
    with tempfile.TemporaryDirectory() as folder:
        path, _ = traced(folder, DEMO, '--prompt', 'red', '--max-new-tokens', '2')
        assert parse(good('trace', path, '--export', 'json').stdout)['run'] == 1
        assert parse(good('trace', path, '--export', 'json', '--run', '1').stdout)['run'] == 1
        done = run('trace', path, '--export', 'csv', '--run', '2')
        assert done.returncode == 1 and 'no run 2' in done.stderr, done.stderr
        for args in (['--export', 'xls'], ['--export', 'csv', '--json'], ['--output', 'x'],
                     ['--run', '1'], ['--export', 'csv', '--run', '0']):
            done = run('trace', path, *args)
            assert done.returncode == 2, (args, done.returncode, done.stderr)
        bad = os.path.join(folder, 'nowhere', 'out.csv')
        done = run('trace', path, '--export', 'csv', '--output', bad)
        assert done.returncode == 1 and 'nowhere' in done.stderr, done.stderr


def test_saved():
    """A saved run is a trace with a head."""
    path = fixture('saved', 'seen-00.strata')
    text = good('trace', path).stdout
    assert text.startswith('Saved run: model demo-v0, '), text
    assert '"Where is the circle?": "At the bottom."' in text and 'never read' in text
    assert len(parse(good('trace', path, '--json').stdout)['runs'][0]['layers'][4]['kept']) == 9
    assert good('trace', path, '--export', 'csv').stdout.count('\n') == 6 * 64 + 1
    with tempfile.TemporaryDirectory() as folder:
        # By its first bytes where its name says nothing.
        other = os.path.join(folder, 'other')
        os.symlink(path, other)
        assert good('trace', other).stdout == text


def test_saved_damaged():
    """Refused whatever its name is."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ('bad.strata', 'bad.trace'):
            path = os.path.join(folder, name)
            with open(path, 'wb') as file:
                file.write(b'PK\x03\x04 and nothing more')
            done = run('trace', path)
            assert done.returncode == 1 and 'not a saved run' in done.stderr, done.stderr


main([test_same, test_table, test_map, test_map_anyres, test_bad, test_export, test_export_numpy,
      test_export_runs, test_saved, test_saved_damaged])
