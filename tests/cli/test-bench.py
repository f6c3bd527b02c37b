"""pmod bench: that its figures agree with each other. How fast anything is, is no test."""

import json
import os
import tempfile

from pmodcli import DEMO, TINY, good, main, parse, run

TIMES = ('runs', 'ms', 'ms_min', 'ms_max', 'tokens_per_s', 'flops', 'bytes', 'flops_per_s',
         'bytes_per_s')
ROW = TIMES + ('flops_peak', 'flops_ratio', 'bytes_peak', 'bytes_ratio')
ROWS = ('vision', 'first_token', 'prefill', 'routing', 'prefill_dense', 'decode', 'decode_dense')


def bench(*args):
    return parse(good('bench', *args, '--threads', '1', '--json').stdout)


def check(value, names):
    for name in names:
        row = value[name]
        assert all(row[key] > 0 for key in ROW), (name, row)
        assert row['ms_min'] <= row['ms'] <= row['ms_max'], (name, row)
        assert row['flops_peak'] == value['peaks']['flops_per_s']
        assert abs(row['flops_ratio'] - row['flops_per_s'] / row['flops_peak']) < 1e-9
        assert abs(row['flops_per_s'] * row['ms'] / 1000 / row['flops'] - 1) < 1e-6, (name, row)
        assert abs(row['bytes_per_s'] * row['ms'] / 1000 / row['bytes'] - 1) < 1e-6, (name, row)
        assert abs(row['bytes_ratio'] - row['bytes_per_s'] / row['bytes_peak']) < 1e-9
        n = {'prefill': value['vision_tokens'] + value['text_tokens'], 'decode': 1}
        n = n.get(name.removesuffix('_dense'))
        if n is not None:
            assert abs(row['tokens_per_s'] * row['ms'] / 1000 / n - 1) < 1e-6, (name, row)


def test_weights():
    value = bench(DEMO, '--runs', '2', '--max-new-tokens', '3', '--ops', '--dtype', 'f32')
    check(value, ROWS)
    # The work of the whole is that of its parts; what routing does is a small one.
    whole = value['vision']['flops'] + value['prefill']['flops']
    assert abs(value['first_token']['flops'] / whole - 1) < 1e-9
    assert value['routing']['flops'] < 0.01 * value['prefill']['flops']
    ratio = value['routing']['ms'] / value['prefill']['ms']
    assert abs(value['routing']['over_prefill'] - ratio) < 1e-9
    peaks = value['peaks']
    assert peaks['bytes_per_s'] == max(peaks['read_bytes_per_s'], peaks['copy_bytes_per_s'])
    assert not value['model']['random_weights'] and value['model']['dtype'] == 'f32'
    assert (value['vision_tokens'], value['text_tokens'], value['new_tokens']) == (64, 58, 3)
    ratio = value['prefill']['ms'] / value['prefill_dense']['ms']
    assert abs(value['over_dense']['prefill'] - ratio) < 1e-9


def test_random():
    """A directory with a config.json alone is a shape; a schedule may route any of its layers."""
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(TINY, 'config.json'), encoding='utf-8') as file:
            config = json.load(file)
        del config['mm_vision_tower']
        with open(os.path.join(folder, 'config.json'), 'w', encoding='utf-8') as file:
            json.dump(config, file)
        value = bench(folder, '--runs', '1', '--max-new-tokens', '1', '--vision-tokens', '50',
                      '--text-tokens', '10', '--schedule', 'interleave', '--factor', '0.5')
        check(value, ('prefill', 'prefill_dense', 'decode', 'decode_dense'))
        assert value['model']['random_weights'] and 'vision' not in value


def test_dense():
    """Nothing to compare where no layer is routed."""
    value = bench(DEMO, '--runs', '1', '--max-new-tokens', '1', '--schedule', 'dense')
    assert 'prefill_dense' not in value and value['over_dense'] == {'prefill': 1, 'decode': 1}


def test_only():
    value = bench(DEMO, '--runs', '1', '--only', 'routing,decode', '--no-peaks',
                  '--max-new-tokens', '1')
    assert [name for name in ROWS if name in value] == ['routing', 'decode']
    assert all(value[name][key] > 0 for name in ('routing', 'decode') for key in TIMES)
    assert 'peaks' not in value and 'flops_ratio' not in value['decode']
    assert value['over_dense'] == {} and 'over_prefill' not in value['routing']
    done = run('bench', DEMO, '--only', 'prefill,nothing')
    assert done.returncode == 2 and '"nothing"' in done.stderr, done.stderr


def test_text():
    text = good('bench', '--runs', '1', '--max-new-tokens', '1', '--threads', '1').stdout
    for part in ('demo: ', 'one new token, dense', 'p-MoD / dense: prefill '):
        assert part in text, text


main([test_weights, test_random, test_dense, test_only, test_text])
