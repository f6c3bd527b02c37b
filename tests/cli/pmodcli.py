"""What the tests of the command line share: running pmod, reading its JSON strictly, and writing
safetensors files, good ones and bad ones. Needs nothing but Python's standard library."""

import json
import os
import struct
import subprocess

PMOD = os.environ['PMOD']
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FIXTURES = os.path.join(TESTS, 'fixtures')
DEMO = os.path.join(FIXTURES, 'demo-v0')  # answers are known; data/models/demo is another model
IMAGES = os.path.join(FIXTURES, 'images')
TINY = os.path.join(FIXTURES, 'tiny-pmod-llava-v1.5')
TINY_NEXT = os.path.join(FIXTURES, 'tiny-pmod-llava-next')

# What a broken program prints, whatever its exit code.
CRASHES = ('AddressSanitizer', 'LeakSanitizer', 'runtime error:', 'CRITICAL **', 'WARNING **',
           'ERROR:', 'Segmentation fault', 'Assertion')


def fixture(*parts):
    return os.path.join(FIXTURES, *parts)


def run(*args, timeout=120, stdin=None, **keywords):
    """Runs pmod to its end; text, both streams caught. A crash fails here."""
    done = subprocess.run([PMOD, *args], input=stdin, capture_output=True, timeout=timeout,
                          stdin=subprocess.DEVNULL if stdin is None else None, **keywords)
    done.stdout = done.stdout.decode()
    done.stderr = done.stderr.decode()
    check_sane(args, done.returncode, done.stderr)
    return done


def check_sane(args, code, stderr):
    assert code in (0, 1, 2), f'{args}: exit code {code}: {stderr}'
    for mark in CRASHES:
        assert mark not in stderr, f'{args}: {stderr}'


def good(*args, **keywords):
    done = run(*args, **keywords)
    assert done.returncode == 0, f'{args}: exit code {done.returncode}: {done.stderr}'
    return done


def refuse_constant(name):
    raise ValueError(f'{name} is no JSON number')


def parse(text):
    return json.loads(text, parse_constant=refuse_constant)


def record(*args, **keywords):
    """The JSON record of pmod run, which must be alone on standard output. One thread each: tests
    run beside each other, and threads that wait for each other lose most where cores are short."""
    done = good('run', *args, '--threads', '1', '--json', '-', **keywords)
    assert done.stderr == '', done.stderr
    return parse(done.stdout)


# --- safetensors --------------------------------------------------------------------------------

def read_header(path):
    """The header as a dictionary, and the bytes after it."""
    with open(path, 'rb') as file:
        size, = struct.unpack('<Q', file.read(8))
        header = json.loads(file.read(size))
        return header, file.read()


def write_file(path, header, data, size=None):
    """header: a dictionary or text. size: what the file claims of the header's length."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    with open(path, 'wb') as file:
        file.write(struct.pack('<Q', len(text) if size is None else size) + text + data)


def edit_header(path, change):
    header, data = read_header(path)
    write_file(path, change(header) or header, data)


def edit_tensor(path, name, change):
    """change: given the bytes of one tensor, returns as many."""
    header, data = read_header(path)
    begin, end = header[name]['data_offsets']
    part = change(data[begin:end])
    assert len(part) == end - begin
    write_file(path, header, data[:begin] + part + data[end:])


# --- The record ---------------------------------------------------------------------------------

NUMBER = (int, float)
RECORD = {
    'schema': int, 'version': str, 'logits_hash': str,
    'model': {'path': str, 'type': str, 'layers': int, 'hidden': int, 'heads': int, 'vocab': int,
              'dtype': str, 'parameters': int, 'bytes': int},
    'device': {'backend': str, 'name': str, 'threads': int},
    'prompt': {'text': str, 'token_ids': [int]},
    'images': [{'path': str, 'width': int, 'height': int, 'tiles': int, 'grid': [int],
                'vision_tokens': int}],
    'output': {'token_ids': [int], 'text': str, 'finish': str},
    'layers': [{'index': int, 'routed': bool, 'ratio': NUMBER, 'n_vision': int, 'n_kept': int,
                'kv_len': int, 'kept': [int], 'margin': NUMBER, 'ties': int}],
    'flops': {part: {'paper_rule': NUMBER, 'paper_rule_dense': NUMBER, 'all_work': NUMBER,
                     'all_work_dense': NUMBER} for part in ('prefill', 'decode')},
    'kv_cache': {'bytes': int, 'bytes_dense': int, 'tokens_per_layer': [int]},
    'timing_ms': {'load': NUMBER, 'preprocess': NUMBER, 'vision': NUMBER, 'projector': NUMBER,
                  'prefill': NUMBER, 'first_token': NUMBER, 'decode': NUMBER, 'total': NUMBER},
    'memory': {'peak_bytes': int},
}


def check_types(value, shape, where='record'):
    if isinstance(shape, dict):
        assert isinstance(value, dict), f'{where}: {type(value)}'
        for key, inner in shape.items():
            assert key in value, f'{where}: no "{key}"'
            check_types(value[key], inner, f'{where}.{key}')
    elif isinstance(shape, list):
        assert isinstance(value, list), f'{where}: {type(value)}'
        for i, item in enumerate(value):
            check_types(item, shape[0], f'{where}[{i}]')
    else:
        assert isinstance(value, shape), f'{where}: {value!r} is no {shape}'
        assert shape is bool or not isinstance(value, bool), f'{where}: {value!r}'


def check_record(value, full=False):
    """Types, and that the numbers agree with each other."""
    check_types(value, RECORD)
    assert value['schema'] == 1
    assert value['output']['finish'] in ('eos', 'length', 'stop', 'cancelled')
    assert int(value['logits_hash'], 16) >= 0 and len(value['logits_hash']) == 16
    ids = value['prompt']['token_ids']
    n_vision = sum(image['vision_tokens'] for image in value['images'])
    assert ids.count(-200) == len(value['images'])
    n_tokens = len(ids) - len(value['images']) + n_vision
    assert len(value['layers']) == value['model']['layers']
    for index, layer in enumerate(value['layers']):
        check_layer(layer, index, n_tokens, full)
    assert value['kv_cache']['tokens_per_layer'] == [x['kv_len'] for x in value['layers']]
    dense = n_tokens * len(value['layers'])
    share = sum(value['kv_cache']['tokens_per_layer']) / dense
    assert abs(value['kv_cache']['bytes'] / value['kv_cache']['bytes_dense'] - share) < 1e-12
    if full:
        assert len(value['prefill_logits']) == value['model']['vocab']
    for part in value['flops'].values():
        assert part['paper_rule'] <= part['paper_rule_dense']
        assert part['all_work'] <= part['all_work_dense'] * 1.001
    timing = value['timing_ms']
    assert all(time >= 0 for time in timing.values()), timing
    assert timing['first_token'] <= timing['total'] + 1
    assert timing['prefill'] + timing['decode'] <= timing['total'] + 1
    assert value['memory']['peak_bytes'] > value['model']['bytes'] / 4


def check_layer(layer, index, n_tokens, full):
    kept = layer['kept']
    assert layer['index'] == index
    assert len(kept) == layer['n_kept'] and kept == sorted(set(kept))
    assert all(0 <= i < layer['n_vision'] for i in kept)
    assert layer['kv_len'] == n_tokens - layer['n_vision'] + layer['n_kept']
    if not layer['routed']:
        assert layer['n_kept'] == layer['n_vision'] and layer['ratio'] == 1
    if not full:
        assert 'logit' not in layer and 'weight' not in layer
        return
    routed = layer['routed'] and layer['n_vision'] > 0
    assert len(layer['logit']) == len(layer['weight']) == (layer['n_vision'] if routed else 0)
    skipped = sorted(set(range(layer['n_vision'])) - set(kept))
    if routed and kept and skipped:
        worst = min(layer['weight'][i] for i in kept)
        best = max(layer['weight'][i] for i in skipped)
        assert worst >= best
        assert abs((worst - best) - layer['margin']) < 1e-6


def main(tests):
    """Runs every function, and says which."""
    for test in tests:
        test()
        print(f'ok {test.__name__}', flush=True)
