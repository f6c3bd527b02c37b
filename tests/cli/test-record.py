"""The JSON record of pmod run against what the reference computed on the tiny checkpoints: prompts,
tokens, lengths of every layer's cache; and that the record's numbers agree with each other."""

import json
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor

from pmodcli import (DEMO, IMAGES, TINY, TINY_NEXT, check_record, fixture, good, main, parse, record,
                     run)

# Below this margin between the two likeliest tokens another rounding may choose the other one.
CLEAR = 1e-3


def cases(name):
    with open(fixture('golden', name, 'manifest.json'), encoding='utf-8') as file:
        return json.load(file)['cases']


def run_case(model, case, *args):
    images = [part for name in case['images'] for part in ('--image', os.path.join(IMAGES, name))]
    return record(model, *images, '--prompt', case['question'], '--dtype', 'f32',
                  '--max-new-tokens', str(len(case['tokens'])), *args)


def compare(value, case):
    check_record(value)
    assert value['prompt']['text'] == case['prompt'], value['prompt']
    assert value['prompt']['token_ids'] == case['input_ids'], value['prompt']
    assert value['kv_cache']['tokens_per_layer'] == case['kv_len_prefill'], value['kv_cache']
    n_clear = next((i for i, margin in enumerate(case['margins']) if margin < CLEAR),
                   len(case['margins']))
    assert value['output']['token_ids'][:n_clear] == case['tokens'][:n_clear], case['name']
    finish = 'eos' if case['stopped_by_eos'] else 'length'
    assert value['output']['finish'] == finish, value['output']
    assert [image['vision_tokens'] for image in value['images']] == [
        end - begin for begin, end in case['image_spans']]
    return n_clear


def test_reference():
    jobs = [(model, case) for name, model in (('v1.5', TINY), ('next', TINY_NEXT))
            for case in cases(name)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        values = list(pool.map(lambda job: run_case(*job), jobs))
    for (model, case), value in zip(jobs, values):
        n = compare(value, case)
        print(f"  {os.path.basename(model)} {case['name']}: "
              f"{n} of {len(case['tokens'])} tokens compared")


def test_sharded():
    """The same numbers in two BF16 files."""
    case = cases('v1.5')[0]
    compare(run_case(TINY + '-bf16-sharded', case), case)


def test_full():
    case = cases('v1.5')[0]
    value = run_case(TINY, case, '--full')
    check_record(value, full=True)
    best = max(range(len(value['prefill_logits'])), key=value['prefill_logits'].__getitem__)
    assert best == case['tokens'][0] == value['output']['token_ids'][0]
    again = run_case(TINY, case)
    assert again['logits_hash'] == value['logits_hash']
    assert again['output'] == value['output']


def test_sampling():
    case = cases('v1.5')[0]
    hot = ('--temperature', '1.5', '--top-k', '40', '--top-p', '0.95')
    first = run_case(TINY, case, *hot, '--seed', '7')
    same = run_case(TINY, case, *hot, '--seed', '7')
    other = run_case(TINY, case, *hot, '--seed', '8')
    assert first['output'] == same['output']
    assert first['output']['token_ids'] != other['output']['token_ids']
    assert first['logits_hash'] == other['logits_hash']


def test_routing():
    case = cases('v1.5')[0]
    dense = run_case(TINY, case, '--schedule', 'dense')
    check_record(dense)
    assert len(set(dense['kv_cache']['tokens_per_layer'])) == 1
    assert dense['kv_cache']['bytes'] == dense['kv_cache']['bytes_dense']
    mixed = run_case(TINY, case, '--factor', '0.45', '--upper', '0.8', '--ratio', '9=0.25,10=plain')
    check_record(mixed)
    assert mixed['layers'][9]['n_kept'] == 144 and not mixed['layers'][10]['routed']
    norm = run_case(TINY, case, '--norm', 'sigmoid_1_0.5')
    assert norm['routing']['norm'] == 'sigmoid_1_0.5', norm['routing']
    assert norm['logits_hash'] != dense['logits_hash']


def test_raw_prompt():
    value = record(TINY, '--raw-prompt', '--prompt', 'red green', '--max-new-tokens', '2')
    check_record(value)
    assert value['prompt']['text'] == 'red green' and value['images'] == []


def test_tower():
    """A tower that config.json does not find is named on the command line."""
    case = cases('v1.5')[0]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'model')
        shutil.copytree(TINY, path)
        compare(run_case(path, case, '--vision-tower', fixture('tiny-clip-336')), case)


def test_mislabelled():
    """What a picture holds counts, not what it is called."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'picture.png')
        shutil.copy(os.path.join(IMAGES, 'square.jpg'), path)
        hashes = [record(DEMO, '--image', name, '--prompt', 'What do you see?')['logits_hash']
                  for name in (path, os.path.join(IMAGES, 'square.jpg'))]
    assert hashes[0] == hashes[1]


def test_levels():
    """Every set of instructions says the same, as far as this machine has them."""
    for level in ('portable', 'avx2', 'avx512', 'avx512-bf16'):
        done = run('run', DEMO, '--image', fixture('demo', 'seen-00.png'), '--prompt',
                   'Do you see a sunflower?', '--cpu-level', level, '--threads', '1')
        if done.returncode == 0:
            assert done.stdout == 'No.\n', (level, done.stdout)
        else:
            print(f'  {level} was refused: {done.stderr.strip()}')


def test_file():
    """To a file the record goes beside the streamed answer; what the file held is gone."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'record.json')
        with open(path, 'w', encoding='utf-8') as file:
            file.write('x' * 1000000)
        done = good('run', DEMO, '--image', fixture('demo', 'seen-00.png'), '--prompt',
                    'Do you see a sunflower?', '--json', path)
        with open(path, encoding='utf-8') as file:
            value = parse(file.read())
        check_record(value)
        assert done.stdout.strip() == value['output']['text'] == 'No.', done.stdout


def test_info():
    value = parse(good('info', TINY, '--json').stdout)
    assert value['model']['layers'] == 32
    assert value['model']['file_dtypes'] == 'F16, F32'  # the tower lies in a file of its own
    assert not value['vision']['tower_inside']
    assert [x['index'] for x in value['routing']['layers'] if x['router']] == list(range(8, 32))
    memory = value['memory']
    assert memory['fits'] and memory['total'] <= memory['free']
    assert memory['total'] >= memory['weights'] + memory['kv'] + memory['scratch']
    small = parse(good('info', TINY, '--json', '--memory-limit', '1M').stdout)
    assert not small['memory']['fits'] and small['memory']['free'] == 1 << 20
    text = good('info', TINY_NEXT).stdout
    for part in ('anyres', 'in the checkpoint', '8-31', 'It fits.'):
        assert part in text, text


main([test_reference, test_sharded, test_full, test_sampling, test_routing, test_raw_prompt,
      test_tower, test_mislabelled, test_levels, test_file, test_info])
