"""pmod on a CUDA device, the emulated one: taken where it is there, and with the answer of the CPU.
Words only, since every kernel runs on the host."""

from pmodcli import fixture, good, main, record

MODEL = fixture('tiny-pmod-12layer')


def run_on(device):
    return record(MODEL, '--prompt', 'What is it?', '--dtype', 'f32', '--max-new-tokens', '4',
                  '--device', device)


def test_answer():
    cpu, cuda, auto = (run_on(device) for device in ('cpu', 'cuda', 'auto'))
    assert cpu['device']['backend'] == 'cpu', cpu['device']
    for value in (cuda, auto):
        assert value['device']['backend'] == 'cuda', value['device']
        assert 'emulated device, compute capability' in value['device']['name'], value['device']
        assert value['output']['token_ids'] == cpu['output']['token_ids'], value['output']
        assert value['kv_cache'] == cpu['kv_cache'], value['kv_cache']


def test_info():
    text = good('info', MODEL).stdout
    assert 'Memory, on emulated device, compute capability' in text, text
    assert 'not on device cuda' not in text, text


main([test_answer, test_info])
