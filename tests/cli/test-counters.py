"""pmod flops: the published figures; and what help and usage do."""

from pmodcli import DEMO, TINY, good, main, parse, run


def flops(*args):
    return parse(good('flops', *args, '--json').stdout)


def test_published():
    # Source: the p-MoD paper; TFLOPs of the prefill, 58 text tokens.
    v15 = flops('--preset', 'llava-1.5-7b', '--vision-tokens', '576', '--text-tokens', '58')
    assert f"{v15['prefill']['paper_rule_dense'] / 1e12:.2f}" == '8.38', v15['prefill']
    assert f"{v15['prefill']['paper_rule'] / 1e12:.2f}" == '4.92', v15['prefill']
    assert abs(v15['kv_cache']['share_schedule'] - 0.5375) < 1e-9
    following = flops('--preset', 'llava-next-7b', '--vision-tokens', '2928', '--text-tokens', '58')
    assert f"{following['prefill']['paper_rule_dense'] / 1e12:.2f}" == '39.46'
    # The paper prints 21.94; its own rule gives 21.91.
    assert f"{following['prefill']['paper_rule'] / 1e12:.2f}" == '21.91'
    assert f"{100 * following['kv_cache']['share_vision']:.1f}" == '53.7'
    kept = [layer['n_kept'] for layer in v15['layers']]
    assert kept == [576] * 8 + [486, 464, 440, 414, 388, 360, 331, 302, 273, 244, 215, 187, 161,
                                135, 111, 89] + [86] * 8, kept
    assert [layer['routed'] for layer in v15['layers']] == [False] * 8 + [True] * 24


def test_defaults():
    """Without counts: a square picture and the paper's text."""
    assert flops('llava-1.5-7b')['vision_tokens'] == 576
    value = flops('llava-next-7b')
    assert (value['vision_tokens'], value['text_tokens'], value['tiles']) == (2928, 58, 5)


def test_routing():
    dense = flops(DEMO, '--schedule', 'dense')
    assert dense['prefill']['paper_rule'] == dense['prefill']['paper_rule_dense']
    assert not any(layer['routed'] for layer in dense['layers'])
    odd = flops(DEMO, '--schedule', 'interleave', '--factor', '0.25')
    assert [layer['n_kept'] for layer in odd['layers']] == [64, 16] * 3
    single = flops(DEMO, '--schedule', 'dense', '--ratio', '2=0.5,3=plain', '--ratio', '4=0')
    assert [layer['n_kept'] for layer in single['layers']] == [64, 64, 32, 64, 0, 64]
    assert flops(TINY, '--factor', '0.4')['factor'] == 0.4
    linear = flops('--preset', 'llava-1.5-7b', '--schedule', 'shiftedlinear', '--upper', '0.9',
                   '--lower', '0.2')
    assert linear['schedule'] == 'shiftedlinear_decay_0.9_0.2', linear['schedule']


def test_text():
    text = good('flops', '--preset', 'llava-1.5-7b').stdout
    for part in ('8.38 TFLOP', '4.92 TFLOP', '53.75 %', 'routed: 8-31'):
        assert part in text, text


def test_help():
    text = good('--help').stdout
    assert good('--version').stdout.startswith('pmod ')
    for command in ('info', 'run', 'chat', 'flops', 'trace', 'bench', 'sweep', 'eval', 'train'):
        assert f'\n  {command} ' in text, text
        own = good(command, '--help')
        assert own.stderr == '' and f'pmod {command}' in own.stdout, own
    options = good('run', '--help').stdout
    for option in ('prompt', 'image', 'device', 'threads', 'dtype', 'max-new-tokens',
                   'temperature', 'top-p', 'top-k', 'seed', 'schedule', 'factor', 'upper', 'lower',
                   'ratio', 'norm', 'policy', 'vision-tower', 'exif', 'raw-prompt', 'json', 'full',
                   'trace', 'memory-limit'):
        assert f'--{option}' in options, option
    assert run().returncode == 2


main([test_published, test_defaults, test_routing, test_text, test_help])
