"""The table of bad inputs: what is given, the exit code, and a part of the one line that says what,
where, what was expected and what was found. 1: it failed; 2: wrong usage.

Nothing may crash, hang, or say more than that line, and an output file that did not exist before
must not exist after."""

import os
import struct
import sys
import tempfile
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import badmodels as bad
from pmodcli import DEMO, FIXTURES, IMAGES, TINY, fixture, good, run

TIMEOUT = 60  # seconds; under a sanitizer everything is slower

# --- Checkpoints --------------------------------------------------------------------------------

SHARDED = 'tiny-pmod-llava-v1.5-bf16-sharded'
CONFIG = bad.edit_config
MODELS = [
    # (what breaks a good checkpoint, what pmod info answers, what pmod run answers: 0 or the text)
    (bad.truncated, 'cut short', 'cut short'),
    (bad.headless, "a header's length in the first 8 bytes, got a file of 5", 'a file of 5 bytes'),
    (bad.empty, 'a file of 0 bytes', 'a file of 0 bytes'),
    (bad.overlapping, 'overlaps', 'overlaps'),
    (bad.gap, 'bytes after the last tensor', 'bytes after the last tensor'),
    (bad.lying, 'expected 32768 bytes from dtype and shape, got 8192', 'got 8192'),
    (bad.overflowing, 'overflows', 'overflows'),
    (bad.negative, 'got -64', 'got -64'),
    (bad.duplicate, 'stands twice', 'stands twice'),
    (bad.huge_header, 'got 2147483648', 'got 2147483648'),
    (bad.huge_header_there, 'at most 100000000 bytes, got 2147483648', 'got 2147483648'),
    (bad.not_json, 'expected a value', 'expected a value'),
    (bad.wrong_dtype, 'expected F32, F16 or BF16 [64,64], got I16', 'got I16'),
    (bad.unknown_dtype, 'got "F17"', 'got "F17"'),
    (bad.wrong_shape, '[64,64], got F16 [128,32]', 'got F16 [128,32]'),
    (bad.missing_tensor, 'missing tensors (1): "' + bad.Q_PROJ, 'unexpected tensors (1)'),
    (bad.not_a_number, 0, bad.Q_PROJ + ': expected finite numbers, got NaN at index 10'),
    (bad.infinite, 0, 'model.norm.weight: expected finite numbers, got infinity at index 0'),
    (bad.missing_shard, bad.SHARD + ': cannot open', bad.SHARD + ': cannot open'),
    (bad.index_lies, 'got "../../outside.safetensors"', 'got "../../outside.safetensors"'),
    (bad.only_pickle, 'got "pytorch_model.bin": a pickle file', 'convert it'),
    (bad.no_weights, 'found neither', 'found neither'),
    (bad.no_config, 'no directory with a config.json', 'no directory with a config.json'),
    (bad.no_tower, 'name it with --vision-tower', 'found none of the name "nowhere"'),
    (bad.other_tokenizer, 0, 'expected at most 512 pieces (config.json: vocab_size), got 1280'),
    (bad.broken_tokenizer, 0, 'tokenizer.model: not a SentencePiece model'),
    (bad.no_tokenizer, 0, 'tokenizer.model: cannot open'),
    (CONFIG(num_attention_heads=0), 'num_attention_heads: expected a whole number from 1', 'got 0'),
    (CONFIG(num_hidden_layers=-3), 'num_hidden_layers: expected a whole number from 1', 'got -3'),
    (CONFIG(num_hidden_layers=4000000000), 'from 1 to 256, got 4000000000', 'got 4000000000'),
    (CONFIG(hidden_size=10 ** 15), 'hidden_size: expected a whole number from 1', 'got 1000000000'),
    (CONFIG(hidden_size='64'), 'got "64"', 'got "64"'),
    (CONFIG(hidden_size=64.5), 'got 64.5', 'got 64.5'),
    (CONFIG(hidden_size=None), 'hidden_size: expected', 'got nothing'),
    (CONFIG(vocab_size=600), 'expected F32, F16 or BF16 [600,64], got F16 [512,64]', '[600,64]'),
    (CONFIG(num_attention_heads=7), 'a divisor of num_attention_heads', 'a divisor of'),
    (CONFIG(mod_router_factor='NaN'), 'mod_router_factor: expected a number', 'got "NaN"'),
    (CONFIG(mod_target_layers='zigzag'), 'got "zigzag"', 'got "zigzag"'),
    (CONFIG(model_type='gpt2'), 'model_type: expected pmod_llava_llama', 'got "gpt2"'),
    (CONFIG(conversation='zork'), 0, 'zork'),
    (bad.write_config(b'{'), 'line 1, byte 1: expected a string', 'the end of the text'),
    (bad.write_config(b'[]'), 'expected an object', 'expected an object'),
    (bad.write_config(b''), 'the end of the text', 'the end of the text'),
    (bad.write_config(b'[' * 200000), 'nested deeper', 'nested deeper'),
    (bad.write_config(b'{"a": 1, "a": 2}'), 'stands twice', 'stands twice'),
]

# --- Pictures -----------------------------------------------------------------------------------


def png(width, height):
    """A PNG of so many pixels that holds none."""
    def chunk(name, data):
        crc = zlib.crc32(name + data)
        return struct.pack('>I', len(data)) + name + data + struct.pack('>I', crc)
    head = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', head) + chunk(b'IDAT', zlib.compress(b'')) +
            chunk(b'IEND', b''))


def part_of(name, n):
    with open(os.path.join(IMAGES, name), 'rb') as file:
        return file.read()[:n]


PICTURES = [
    # (file name, what it holds, a part of the line)
    ('empty.png', b'', 'empty.png'),
    ('text.png', b'This is no picture at all, whatever it is called.\n', 'text.png'),
    ('cut.png', part_of('landscape.png', 30000), 'cut.png'),
    ('cut.jpg', part_of('square.jpg', 300), 'cut.jpg'),
    ('nothing.png', png(64, 64), 'nothing.png'),
    ('zero.png', png(0, 64), 'zero.png'),
    ('enormous.png', png(60000, 60000), '60000'),
    ('absurd.png', png(0x7fffffff, 0x7fffffff), 'absurd.png'),
    ('huge.ppm', b'P6 100000 100000 255\n' + bytes(64), 'huge.ppm'),
]

# --- Everything else ----------------------------------------------------------------------------

ASK = ('run', TINY, '--threads', '1', '--max-new-tokens', '1', '--prompt')
RUN = (*ASK, 'red')
ROWS = [
    # (arguments, exit code, a part of the line)
    ((), 2, 'Usage:'),
    (('fly',), 2, 'unknown command "fly"'),
    (('train',), 2, 'expected a recipe, got nothing'),
    (('train', '/nowhere.ini'), 2, 'expected --output DIRECTORY'),
    (('train', '/nowhere.ini', '--output', '/tmp', '--threads', '0'), 2, '--threads'),
    (('eval', 'demo'), 2, 'expected a task after the model, got nothing'),
    (('RUN',), 2, 'unknown command "RUN"'),
    (('run',), 2, 'expected a model, got nothing'),
    (('run', TINY), 2, 'expected --prompt TEXT'),
    (('run', TINY, 'more', '--prompt', 'red'), 2, 'got "more" as well'),
    (('info', 'nobody'), 1, 'no installed model of that name'),
    (('run', '/nowhere', '--prompt', 'red'), 1, '/nowhere'),
    (('run', '', '--prompt', 'red'), 1, 'model ""'),
    (('run', '/etc/passwd', '--prompt', 'red'), 1, '/etc/passwd'),
    ((*RUN, '--nonsense'), 2, 'nknown option --nonsense'),
    ((*RUN, '-x'), 2, 'nknown option -x'),
    ((*RUN, '--seed'), 2, 'Missing argument for --seed'),

    ((*ASK, ''), 1, 'empty prompt'),
    ((*ASK, ' \n '), 1, 'empty prompt'),
    ((*ASK, b'caf\xe9'), 1, 'expected UTF-8, got other bytes at byte 3'),
    ((*ASK, 'word ' * 5000), 1, 'but the context holds 2048'),
    ((*ASK, 'What is <image>?'), 1, '<image>'),
    ((*ASK, 'red', '--raw-prompt', '--image', fixture('images', 'square.jpg')), 1, '<image>'),
    (('run', DEMO, '--prompt', 'red ' * 1200), 1, 'but the context holds 1024'),

    ((*RUN, '--image', '/nowhere.png'), 1, '/nowhere.png'),
    ((*RUN, '--image', FIXTURES), 1, FIXTURES),
    ((*RUN, '--image', '/dev/zero'), 1, '/dev/zero'),

    ((*RUN, '--json', '/nowhere/record.json'), 1, '/nowhere/record.json'),
    ((*RUN, '--json', FIXTURES), 1, FIXTURES),
    ((*RUN, '--trace', '/nowhere/run.trace'), 1, '/nowhere/run.trace'),
    ((*RUN, '--trace', FIXTURES), 1, FIXTURES),
    ((*RUN, '--memory-limit', '1M'), 1, 'the model does not fit: weights'),
    (('bench', '--preset', 'llava-1.5-7b', '--memory-limit', '1G'), 1, 'the model does not fit: weights 14.1\u00a0GB'),

    ((*RUN, '--dtype', 'q8'), 1, 'this build has auto, f32, bf16, f16, not "q8"'),
    ((*RUN, '--dtype', 'f16', '--device', 'cpu'), 1,
     'precision f16: expected a device that multiplies it, got '),
    ((*RUN, '--dtype', 'int7'), 2, 'expected one of auto, f32, bf16, f16, got "int7"'),
    ((*RUN, '--device', 'tpu'), 2, 'expected one of auto, cpu, cuda, got "tpu"'),
    ((*RUN, '--policy', 'dense'), 1, 'this build has router, random, inverse, grid, first, norm, '
     'attention, last, painted, not "dense"'),
    ((*RUN, '--policy', 'guess'), 2, 'expected one of router, random, inverse, grid, first, norm, '
     'attention, last, painted, got "guess"'),
    ((*RUN, '--policy', 'painted'), 2, '--policy painted: expected --paint FILE beside it'),
    ((*RUN, '--paint', '/dev/zero'), 1, '/dev/zero'),
    (('sweep', TINY, '--prompt', 'red', '--over', 'policy', '--steps', '3'), 2, 'no meaning over'),
    ((*RUN, '--exif', 'maybe'), 2, 'expected one of apply, ignore, got "maybe"'),
    ((*RUN, '--threads', '-1'), 2, '--threads: expected a whole number from 1 to 1024, got "-1"'),
    ((*RUN, '--threads', '0'), 2, 'got "0"'),
    ((*RUN, '--threads', '2x'), 2, 'got "2x"'),
    ((*RUN, '--memory-limit', '0'), 2, '--memory-limit: expected a number of bytes'),
    ((*RUN, '--memory-limit', '99999999T'), 2, 'got "99999999T"'),
    ((*RUN, '--max-new-tokens', '0'), 2, 'from 1 to 2147483647, got "0"'),
    ((*RUN, '--max-new-tokens', '99999999999'), 2, 'got "99999999999"'),
    ((*RUN, '--temperature', '-1'), 2, '--temperature: expected a number from 0 to 100'),
    ((*RUN, '--temperature', 'inf'), 2, 'got "inf"'),
    ((*RUN, '--top-p', '2'), 2, '--top-p: expected a number from 0 to 1, got "2"'),
    ((*RUN, '--top-p', '0'), 2, 'top-p: expected more than 0'),
    ((*RUN, '--top-k', '-5'), 2, '--top-k: expected a whole number from 0'),
    ((*RUN, '--seed', '1.5'), 2, '--seed: expected a whole number'),

    ((*RUN, '--factor', 'nan'), 2, '--factor: expected a number from -1 to 2, got "nan"'),
    ((*RUN, '--factor', ''), 2, 'got ""'),
    ((*RUN, '--lower', '-0.1'), 2, '--lower: expected a number from 0 to 1'),
    ((*RUN, '--upper', '1e9'), 2, '--upper: expected a number from 0 to 2'),
    ((*RUN, '--schedule', 'zigzag'), 2, '--schedule: expected trained, dense'),
    ((*RUN, '--schedule', 'dense', '--factor', '0.5'), 2, 'no meaning for the schedule "dense"'),
    ((*RUN, '--schedule', 'constant', '--upper', '1'), 2, 'no meaning for the schedule'),
    ((*RUN, '--schedule', 'interleave'), 1, 'layer 1'),
    ((*RUN, '--ratio', '3=0.5'), 1, 'layer 3'),
    ((*RUN, '--ratio', '99=1'), 1, 'layer 99: the model has the layers 0 to 31'),
    ((*RUN, '--ratio', '999=1'), 2, '--ratio, the layer: expected a whole number from 0 to 255'),
    ((*RUN, '--ratio', '9=1.5'), 2, '--ratio, the share: expected a number from 0 to 1'),
    ((*RUN, '--ratio', '9=nan'), 2, 'got "nan"'),
    ((*RUN, '--ratio', '9'), 2, 'expected LAYER=RATIO or LAYER=plain, got "9"'),
    ((*RUN, '--ratio', '9=0.5,,'), 2, 'got ""'),
    ((*RUN, '--norm', 'relu_1_1'), 2, '--norm'),
    ((*RUN, '--norm', 'tanh_nan_1'), 2, '--norm'),

    (('flops',), 2, 'expected --preset NAME or a model'),
    (('flops', '--preset', 'demo', 'demo'), 2, 'got "demo" and "demo"'),
    (('flops', '--preset', 'llava-9-7b'), 1, 'llava-9-7b'),
    (('flops', DEMO, '--vision-tokens', '-1'), 2, '--vision-tokens: expected a whole number'),
    (('flops', DEMO, '--text-tokens', '0'), 2, '--text-tokens: expected a whole number from 1'),
    (('flops', DEMO, '--text-tokens', '1e3'), 2, 'got "1e3"'),
    (('flops', DEMO, '--ratio', '6=0.5'), 1, 'layer 6: the model has the layers 0 to 5'),
    (('bench', '--runs', '0'), 2, '--runs: expected a whole number from 1'),
    (('bench', DEMO, '--vision-tokens', '4000'), 1, 'but the context holds 1024'),
    (('trace',), 2, 'expected a trace file'),
    (('trace', '/nowhere.trace'), 1, '/nowhere.trace'),
    (('trace', '/etc/passwd'), 1, 'not a trace'),
    (('trace', '/etc/passwd', '--layer', 'x'), 2, '--layer: expected a whole number'),
    (('chat', 'nobody'), 1, 'no installed model of that name'),
]


def check(args, code, part):
    begin = time.monotonic()
    done = run(*args, timeout=TIMEOUT)
    label = f'{[str(arg)[:60] for arg in args]}: {done.returncode} {done.stderr.strip()}'
    assert done.returncode == code, label
    assert part in done.stderr, f'{label}\nexpected: {part}'
    assert done.stdout == '', label
    if args:
        assert done.stderr.count('\n') == 1 and done.stderr.startswith('pmod'), label
    return label, time.monotonic() - begin


def check_model(folder, index):
    change, info, answer = MODELS[index]
    sharded = change in (bad.missing_shard, bad.index_lies)
    source = SHARDED if sharded else 'tiny-pmod-12layer'
    path = bad.copy_model(folder, str(index), source)
    change(path)
    if info == 0:
        good('info', path)
    else:
        check(('info', path), 1, info)
    record = path + '.json'
    result = check(('run', path, '--prompt', 'red', '--threads', '1', '--json', record), 1, answer)
    assert not os.path.exists(record), record
    return result


def check_picture(folder, name, data, part):
    path = os.path.join(folder, name)
    with open(path, 'wb') as file:
        file.write(data)
    return check((*RUN, '--image', path), 1, part)


def check_traces(folder):
    """Damaged traces: cut anywhere, and each byte of the first records changed."""
    path = os.path.join(folder, 'run.trace')
    good('run', DEMO, '--prompt', 'red', '--max-new-tokens', '2', '--trace', path)
    with open(path, 'rb') as file:
        data = file.read()
    broken = os.path.join(folder, 'broken.trace')
    refused = 0
    for i in range(0, min(len(data), 400), 7):
        for changed in (data[:i], data[:i] + bytes([data[i] ^ 0xff]) + data[i + 1:]):
            with open(broken, 'wb') as file:
                file.write(changed)
            refused += run('trace', broken, timeout=TIMEOUT).returncode
            run('trace', broken, '--json', '--full', timeout=TIMEOUT)
    assert refused > 20, refused
    return f'{refused} damaged traces refused', 0.0


def main():
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(check, *row) for row in ROWS]
        jobs += [pool.submit(check_picture, folder, *row) for row in PICTURES]
        jobs.append(pool.submit(check_traces, folder))
        jobs += [pool.submit(check_model, folder, index) for index in range(len(MODELS))]
        failures = []
        results = []
        for job in jobs:
            try:
                results.append(job.result())
            except Exception as error:  # each wrong row is told, not only the first
                failures.append(f'{type(error).__name__}: {error}')
    for label, seconds in results:
        print(f'{seconds:6.2f} s  {label.replace(folder, "")[:220]}')
    for failure in failures:
        print(f'FAILED {failure}')
    print(f'{len(results)} rows, {len(failures)} of them wrong')
    sys.exit(1 if failures else 0)


if __name__ == '__main__':
    main()
