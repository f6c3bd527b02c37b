"""pmod sweep, the policies by states, painted masks and question first, as their users run them."""

import json
import os
import re
import signal
import subprocess
import tempfile
import time

from pmodcli import (DEMO, IMAGES, NUMBER, PMOD, TINY, check_record, check_sane, check_types, good,
                     main, parse, record, run)

PICTURE = os.path.join(IMAGES, 'square.jpg')
ASK = (DEMO, '--image', PICTURE, '--prompt', 'What is this?', '--threads', '1')
POLICIES = ('router', 'random', 'inverse', 'grid', 'first', 'norm', 'attention', 'last', 'painted')
POINT = {
    'name': str, 'policy': str, 'divergence': NUMBER,
    'prefill': {'paper_rule': NUMBER, 'paper_rule_dense': NUMBER, 'all_work': NUMBER,
                'all_work_dense': NUMBER},
    'kv_cache': {'bytes': int, 'bytes_dense': int}, 'next_token': {'id': int, 'text': str},
}
SWEEP = {'schema': int, 'version': str, 'model': str, 'prompt': str, 'question_first': bool,
         'over': str, 'settings': int, 'complete': bool, 'reference': POINT, 'points': [POINT]}


def sweep(*args):
    done = good('sweep', *ASK, *args, '--json', '-')
    assert done.stderr == '', done.stderr
    value = parse(done.stdout)
    check_types(value, SWEEP)
    assert value['complete'] and len(value['points']) == value['settings']
    assert value['reference']['name'] == 'trained' and value['reference']['divergence'] == 0
    return value


def masks(*args):
    """What each routed layer keeps, and the record."""
    value = record(DEMO, '--image', PICTURE, '--max-new-tokens', '1', *args)
    return [layer['kept'] for layer in value['layers'] if layer['routed']], value


def paint_file(folder, name, **members):
    path = os.path.join(folder, name)
    with open(path, 'w', encoding='utf-8') as file:
        json.dump({'schema': 1, **members}, file)
    return path


def test_range():
    value = sweep('--over', 'lower', '--from', '0', '--to', '0.75', '--steps', '4')
    points = value['points']
    assert [point['lower'] for point in points] == [0, 0.25, 0.5, 0.75]
    work = [point['prefill']['all_work'] for point in points]
    assert work == sorted(work) and work[0] < work[-1]
    dense = {point['prefill']['all_work_dense'] for point in points}
    assert dense == {value['reference']['prefill']['all_work_dense']}
    assert all(point['divergence'] >= 0 for point in points) and points[0]['divergence'] > 0
    # Down as well as up, one step alone, and the same again.
    back = sweep('--over', 'lower', '--from', '0.75', '--to', '0', '--steps', '4')
    assert back['points'][::-1] == points
    one = sweep('--over', 'lower', '--from', '0.75', '--to', '0.9', '--steps', '1')
    assert one['points'] == points[-1:]


def test_like_run():
    """A point's costs and answer are those that pmod run has."""
    value = sweep('--over', 'ratio', '--layer', '3', '--from', '0.25', '--to', '0.75', '--steps',
                  '2', '--answers')
    assert value['layer'] == 3
    for point in value['points']:
        alone = record(DEMO, '--image', PICTURE, '--prompt', 'What is this?', '--ratio',
                       f'3={point["ratio"]}')
        for rule, flops in point['prefill'].items():
            assert abs(flops / alone['flops']['prefill'][rule] - 1) < 1e-12, rule
        assert point['answer'] == alone['output']['text']
        assert point['next_token']['id'] == alone['output']['token_ids'][0]


def test_policies():
    value = sweep('--over', 'policy', '--seed', '5')
    assert tuple(point['name'] for point in value['points']) == POLICIES[:-1]
    costs = {json.dumps([point['prefill'], point['kv_cache']]) for point in value['points']}
    assert len(costs) == 1
    assert value['points'][0]['divergence'] == 0
    assert all(point['divergence'] > 0 for point in value['points'][1:])


def test_table():
    done = good('sweep', *ASK, '--over', 'factor', '--from', '0.5', '--to', '0.5', '--steps', '1')
    head, trained, point = done.stdout.splitlines()
    assert re.match(r'factor +paper rule +of dense +all work', head), head
    assert trained.startswith('trained ') and ' 0.000000 ' in trained
    # 0.5 is what the model was trained with.
    assert point.split()[1:] == trained.split()[1:] and point.startswith('0.5 ')


def test_files():
    """--json FILE leaves the table, and --json - takes its place."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'sweep.json')
        done = good('sweep', *ASK, '--over', 'policy', '--answers', '--json', path)
        assert len(done.stdout.splitlines()) == 2 + len(POLICIES) - 1
        with open(path, encoding='utf-8') as file:
            check_types(parse(file.read()), SWEEP)


def test_masks():
    by_name = {name: masks('--prompt', 'What is this?', '--policy', name) for name in POLICIES[:-1]}
    budget = [len(kept) for kept in by_name['router'][0]]
    for name, (kept, value) in by_name.items():
        check_record(value)
        assert [len(layer) for layer in kept] == budget, name
        assert value['routing']['policy'] == name
        assert value['routing']['by_question'] == (name == 'last')
        for part in ('flops', 'kv_cache'):
            assert value[part]['prefill' if part == 'flops' else 'bytes'] == \
                by_name['router'][1][part]['prefill' if part == 'flops' else 'bytes']
    assert len({json.dumps(kept) for kept, _ in by_name.values()}) == len(by_name)
    for name in ('router', 'norm', 'attention', 'last'):
        other = masks('--prompt', 'Where is the red star?', '--policy', name)[0]
        assert (other == by_name[name][0]) == (name != 'last'), name


def test_question_first():
    default = masks('--prompt', 'What is this?')[1]
    first = [masks('--prompt', text, '--question-first')
             for text in ('What is this?', 'Where is the red star?')]
    assert first[0][0] != first[1][0]
    assert '<image>\nWhat is this?' in default['prompt']['text']
    assert 'What is this?\n<image>' in first[0][1]['prompt']['text']
    assert not default['routing']['by_question'] and first[0][1]['routing']['by_question']


def test_painted():
    with tempfile.TemporaryDirectory() as folder:
        path = paint_file(folder, 'mask.json', n_vision=64, all={'keep': [0, 63], 'skip': [9]},
                          layers=[{'layer': 4, 'keep': [9]}])
        kept, value = masks('--prompt', 'What is this?', '--paint', path)
        assert value['routing']['policy'] == 'painted'
        for index, layer in enumerate(kept, start=2):
            assert 0 in layer and 63 in layer and (9 in layer) == (index == 4), (index, layer)
        named = masks('--prompt', 'What is this?', '--paint', path, '--policy', 'painted')[0]
        assert named == kept
        sweep_names = [point['name'] for point in sweep('--over', 'policy', '--paint', path)['points']]
        assert sweep_names == list(POLICIES)
        # The trace tells, too.
        trace = os.path.join(folder, 'run.trace')
        good('run', *ASK, '--max-new-tokens', '1', '--policy', 'last', '--trace', trace)
        assert 'routing depends on the question' in good('trace', trace).stdout
        told = parse(good('trace', trace, '--json').stdout)
        assert told['runs'][0]['by_question'] and not told['runs'][0]['question_first']


def refused(code, part, *args):
    done = run(*args)
    assert done.returncode == code, f'{args}: {done.returncode} {done.stderr}'
    assert part in done.stderr and done.stderr.count('\n') == 1, f'{args}: {done.stderr}'
    assert done.stdout == '', done.stdout


def test_bad_paint():
    asked = ('run', *ASK, '--max-new-tokens', '1')
    with tempfile.TemporaryDirectory() as folder:
        wrong = paint_file(folder, 'wrong.json', n_vision=63)
        twice = paint_file(folder, 'twice.json', n_vision=64, all={'keep': [1], 'skip': [1]})
        good_one = paint_file(folder, 'good.json', n_vision=64)
        refused(1, 'the 64 vision tokens of this prompt that may be skipped, got one for 63', *asked,
                '--paint', wrong)
        refused(1, 'all: expected each token once, got 1 twice', *asked, '--paint', twice)
        refused(1, '/nowhere.json', *asked, '--paint', '/nowhere.json')
        refused(1, PICTURE, *asked, '--paint', PICTURE)
        refused(2, '--policy painted: expected --paint FILE', *asked, '--policy', 'painted')
        refused(2, '--paint: expected the policy painted beside it, got "grid"', *asked, '--paint',
                good_one, '--policy', 'grid')


def test_bad_sweep():
    asked = ('sweep', *ASK)
    steps = ('--from', '0.2', '--to', '0.4')
    refused(2, 'expected a model, got nothing', 'sweep')
    refused(2, 'expected --prompt TEXT', 'sweep', DEMO)
    refused(1, 'empty prompt', 'sweep', DEMO, '--prompt', ' ')
    refused(2, 'expected --over factor, lower, upper, ratio or policy, got nothing', *asked)
    refused(2, '--over: expected one of factor, lower, upper, ratio, policy, got "depth"', *asked,
            '--over', 'depth')
    refused(2, 'expected --from NUMBER', *asked, '--over', 'factor')
    refused(2, 'expected --to NUMBER', *asked, '--over', 'factor', '--from', '0')
    refused(2, '--from: expected a number from -1 to 2, got "x"', *asked, '--over', 'factor',
            '--from', 'x', '--to', '1')
    refused(2, '--to: expected a number from 0 to 1, got "1.5"', *asked, '--over', 'lower', '--from',
            '0', '--to', '1.5')
    refused(2, '--steps: expected a whole number from 1 to 1000, got "0"', *asked, '--over', 'factor',
            *steps, '--steps', '0')
    refused(2, 'expected --layer N', *asked, '--over', 'ratio', *steps)
    refused(2, '--layer has a meaning with --over ratio alone', *asked, '--over', 'factor', *steps,
            '--layer', '3')
    refused(2, '--layer: expected a whole number from 0 to 255', *asked, '--over', 'ratio', *steps,
            '--layer', '-1')
    refused(1, 'layer 6: the model has the layers 0 to 5', *asked, '--over', 'ratio', *steps,
            '--layer', '6')
    refused(1, 'ratio 0.2: layer 0 would be routed', *asked, '--over', 'ratio', *steps, '--layer',
            '0')
    refused(2, '--from has no meaning over policy', *asked, '--over', 'policy', *steps)
    refused(2, '--policy has no meaning over policy', *asked, '--over', 'policy', '--policy', 'grid')
    refused(2, '--factor has no meaning for the schedule "dense"', *asked, '--over', 'factor',
            *steps, '--schedule', 'dense')
    refused(1, '/nowhere/x', *asked, '--over', 'policy', '--json', '/nowhere/x')
    refused(1, 'no installed model of that name', 'sweep', 'nobody', '--prompt', 'red', '--over',
            'policy')
    refused(1, '<image>', 'run', *ASK[:3], '--prompt', 'What is <image>?',
            '--question-first')
    refused(2, '--question-first: expected no --raw-prompt', 'run', DEMO, '--prompt', 'red',
            '--raw-prompt', '--question-first')


def test_interrupt():
    """What was done stays, says that it is not all, and the exit code is 1."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'sweep.json')
        process = subprocess.Popen(
            [PMOD, 'sweep', TINY, '--image', PICTURE, '--prompt', 'Go on.', '--threads', '1',
             '--over', 'factor', '--from', '0.5', '--to', '0.6', '--steps', '1000', '--json', path],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        lines = [process.stdout.readline() for _ in range(4)]
        process.send_signal(signal.SIGINT)
        begin = time.monotonic()
        rest, err = process.communicate(timeout=60)
        check_sane(process.args, process.returncode, err.decode())
        assert process.returncode == 1, err
        stopped = re.fullmatch(r'pmod sweep: stopped after (\d+) of 1000 settings\n', err.decode())
        assert stopped, err
        n_done = int(stopped[1])
        assert len(lines) + rest.count(b'\n') == n_done + 2
        with open(path, encoding='utf-8') as file:
            value = parse(file.read())
        check_types(value, SWEEP)
        assert not value['complete'] and len(value['points']) == n_done
        print(f'  stopped after {n_done} within {time.monotonic() - begin:.2f} s')


main([test_range, test_like_run, test_policies, test_table, test_files, test_masks,
      test_question_first, test_painted, test_bad_paint, test_bad_sweep, test_interrupt])
