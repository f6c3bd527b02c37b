"""pmod chat through a pipe: several turns, its commands, and what later turns re-use."""

import os
import re
import tempfile

from pmodcli import DEMO, check_record, fixture, good, main, parse, record, run

QUESTIONS = ('What color is the background?', 'Do you see a sunflower?')


def reused(stderr):
    return [tuple(map(int, pair)) for pair in re.findall(r"(\d+) of the prompt's (\d+)", stderr)]


def test_turns():
    """A later turn finds the states of the turns before; a conversation that begins anew with the
    same picture still finds the picture's."""
    image = fixture('demo', 'seen-00.png')
    done = good('chat', DEMO, '--image', image, '--dtype', 'f32',
                stdin='\n'.join([*QUESTIONS, '/clear', f'/image {image}', *QUESTIONS]).encode())
    answers = done.stdout.splitlines()
    assert len(answers) == 4, done
    assert answers[:2] == answers[2:], answers
    counts = reused(done.stderr)
    assert len(counts) == 4 and counts[0][0] == 0, done.stderr
    for n_reused, n_tokens in counts[1:]:
        assert 64 < n_reused < n_tokens, counts
    print(f'  reused of the prompt: {counts}')


def test_system():
    """What the model is told is told before every question, and only where it is wanted."""
    image = ('--image', fixture('demo', 'seen-00.png'))
    asked = {}
    for told in ((), ('--system', ''), ('--system', 'You describe drawings.')):
        value = record(DEMO, *image, '--prompt', QUESTIONS[0], '--dtype', 'f32', *told)
        done = good('chat', DEMO, *image, '--dtype', 'f32', *told, stdin=QUESTIONS[0].encode())
        n_tokens = reused(done.stderr)[0][1]
        asked[told] = (n_tokens, value['logits_hash'])
        assert done.stdout.strip() == value['output']['text'], (told, done.stdout, value['output'])
    nothing, empty, something = asked.values()
    assert nothing == empty, 'the demo model is told nothing'
    assert something[0] > nothing[0] and something[1] != nothing[1], asked
    done = run('run', DEMO, '--prompt', 'red', '--raw-prompt', '--system', 'A')
    assert done.returncode == 2 and '--system' in done.stderr, done.stderr
    done = run('run', DEMO, '--prompt', 'red', '--system', b'\xff')
    assert done.returncode == 1 and 'UTF-8' in done.stderr, done.stderr


def test_as_run():
    """The first turn is what pmod run says, and re-use changes no bit of the later ones."""
    image = fixture('demo', 'seen-03.png')
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'turns.jsonl')
        good('chat', DEMO, '--dtype', 'f32', '--json', path,
             stdin='\n'.join([f'/image {image}', QUESTIONS[0], '/clear', f'/image {image}',
                              QUESTIONS[1], '/quit', 'never asked']).encode())
        with open(path, encoding='utf-8') as file:
            turns = [parse(line) for line in file]
    assert len(turns) == 2
    for turn, question in zip(turns, QUESTIONS):
        check_record(turn)
        alone = record(DEMO, '--image', image, '--prompt', question, '--dtype', 'f32')
        for key in ('output', 'logits_hash', 'layers', 'kv_cache'):
            assert turn[key] == alone[key], key
    assert turns[1]['prompt']['reused'] > 0


def test_single_questions():
    """This model is not told what was said before: any turn is what pmod run says."""
    image = fixture('demo', 'seen-03.png')
    turns = good('chat', DEMO, '--image', image, '--dtype', 'f32',
                 stdin='\n'.join([*QUESTIONS, QUESTIONS[0]]).encode()).stdout.splitlines()
    alone = [record(DEMO, '--image', image, '--prompt', question, '--dtype', 'f32')['output']
             for question in QUESTIONS]
    assert turns == [alone[0]['text'], alone[1]['text'], alone[0]['text']], (turns, alone)


def test_end():
    """The end of the input ends it; nothing asked is nothing said."""
    assert good('chat', DEMO, stdin=b'').stdout == ''
    assert good('chat', DEMO, stdin=b'\n  \n/quit\n').stdout == ''
    assert '/image FILE' in good('chat', DEMO, stdin=b'/help\n').stderr


def test_bad_turn():
    """A turn that fails is reported, and the next one is answered."""
    lines = ['/image /nowhere.png', 'x ' * 3000, 'How many <image> are here?', QUESTIONS[0]]
    done = run('chat', DEMO, stdin='\n'.join(lines).encode())
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 1, done.stdout
    errors = [line for line in done.stderr.splitlines() if line.startswith('pmod chat:')]
    assert '/nowhere.png' in errors[0] and '1024' in errors[1] and '<image>' in errors[2], errors


main([test_turns, test_system, test_as_run, test_single_questions, test_end, test_bad_turn])
