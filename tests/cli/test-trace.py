"""pmod trace: a recorded run as table, map and JSON, equal to the run's own record."""

import os
import tempfile

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


main([test_same, test_table, test_map, test_map_anyres, test_bad])
