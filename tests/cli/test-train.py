"""pmod train on shapes and characters: what it prints, that Ctrl-C stops it after a step and
--resume ends where a run that was not stopped ends, and what it refuses."""

import os
import pathlib
import signal
import subprocess
import tempfile

from pmodcli import PMOD, good, main, run

RECIPE = """
[recipe]
name=small
every={every}
validation=4
[model]
image_size=56
vision_hidden=32
vision_layers=2
vision_heads=2
vision_ffn=64
hidden=32
layers=4
heads=2
ffn=64
vocab=420
[data scenes]
kind=scenes
art=false
[stage all]
data=scenes
steps={steps}
batch=4
micro=2
words=0.3
"""

ON_CPU = ('--device', 'cpu', '--threads', '1')

folder = tempfile.TemporaryDirectory()


def write_recipe(name, **values):
    path = pathlib.Path(folder.name, name)
    path.write_text(RECIPE.format(**values))
    return path


def contents(name):
    return [pathlib.Path(folder.name, name, file).read_bytes()
            for file in ('model.safetensors', 'training/state.safetensors')]


def test_refused():
    done = run('train', '/nowhere.ini', '--output', '/tmp')
    assert done.returncode == 1 and '/nowhere.ini' in done.stderr, done


def test_device():
    recipe = write_recipe('device.ini', steps=1, every=1)
    output = os.path.join(folder.name, 'device')
    for text in ('gpu', 'cuda:', 'cuda:-1', 'cuda:x'):
        done = run('train', recipe, '-o', output, '--device', text)
        assert done.returncode == 2 and '--device' in done.stderr, done
    done = run('train', recipe, '-o', output, '--device', 'cuda:1000')
    assert done.returncode == 1, done
    assert 'device cuda:1000: ' in done.stderr and '--device cpu works' in done.stderr, done


def test_report():
    recipe = write_recipe('report.ini', steps=4, every=2)
    output = os.path.join(folder.name, 'report')
    lines = good('train', recipe, '-o', output, *ON_CPU).stdout.splitlines()
    assert lines[0].startswith('small: ') and '1 workers' in lines[0], lines
    for step, line in zip((0, 2, 4), [line for line in lines if line.startswith('all ')]):
        assert line.startswith(f'all {step}/4  '), lines
    assert 'GFLOP/s' in lines[-2] and 'validation:' in lines[-2], lines
    assert 'layers         4' in good('info', output).stdout
    again = run('train', recipe, '-o', output)
    assert again.returncode == 1 and 'an earlier run is there' in again.stderr, again


def test_interrupted():
    """A step takes some milliseconds: the signal comes in the middle of 300."""
    recipe = write_recipe('stopped.ini', steps=300, every=10)
    whole, parts = (os.path.join(folder.name, name) for name in ('whole', 'parts'))
    good('train', recipe, '-o', whole, *ON_CPU)
    with subprocess.Popen([PMOD, 'train', recipe, '-o', parts, *ON_CPU], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while not process.stdout.readline().startswith('all 20/'):
            pass
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1 and 'stopped at step ' in errors, errors
    assert contents('parts')[1] != contents('whole')[1]
    good('train', recipe, '-o', parts, '--resume')
    assert contents('parts') == contents('whole')


main([test_refused, test_device, test_report, test_interrupted])
