"""pmod run --begin: an answer goes on from its own beginning as it did before; the records say what
was given; what cannot be is refused."""

import json
import os
import tempfile

from pmodcli import DEMO, check_record, fixture, good, parse, record, run

QUESTION = ('--prompt', 'What is this?', '--dtype', 'f32')


def picture(example):
    return ('--image', fixture('demo', example['image']))


def check_beginnings(example):
    """After each of its words, and with other seeds' words too."""
    for drawn in ((), ('--temperature', '2', '--seed', '11', '--max-new-tokens', '12')):
        whole = record(DEMO, *picture(example), *QUESTION, *drawn)
        words = whole['output']['text'].split(' ')
        assert whole['output']['begun'] == 0, whole['output']
        for n in range(1, len(words)):
            begin = ' '.join(words[:n])
            value = record(DEMO, *picture(example), *QUESTION, *drawn, '--begin', begin)
            check_record(value)
            n_begun = value['output']['begun']
            ids = whole['output']['token_ids']
            assert n_begun > 0, value['output']
            # What was drawn need not be how its text is cut.
            if value['output']['token_ids'][:n_begun] != ids[:n_begun]:
                assert drawn, (begin, value['output'], whole['output'])
                continue
            if drawn:  # as many more as there may be: the first of them are the same
                assert value['output']['token_ids'][:len(ids)] == ids, (begin, value['output'])
                continue
            assert value['output'] == {**whole['output'], 'begun': n_begun}, (begin, value)
            assert value['logits_hash'] == whole['logits_hash'], 'the prompt itself is the same'
    return len(words)


def check_other_way(example):
    """What the model would not say by itself."""
    done = good('run', DEMO, *picture(example), *QUESTION, '--begin', 'A purple')
    assert done.stdout.startswith('A purple '), done.stdout


def check_trace(example):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'run.trace')
        good('run', DEMO, *picture(example), *QUESTION, '--begin', 'A', '--trace', path)
        tokens = parse(good('trace', path, '--json').stdout)['runs'][0]['tokens_new']
    assert [token['given'] for token in tokens] == [True] + [False] * (len(tokens) - 1), tokens
    assert tokens[0]['piece'] == '▁A' and tokens[-1]['piece'] == '</s>', tokens
    for token in tokens:
        assert len(token['alternatives']) == 8, token
        assert all(other['piece'] for other in token['alternatives']), token
        chances = [other['logprob'] for other in token['alternatives']]
        assert chances == sorted(chances, reverse=True) and token['logprob'] <= chances[0], token


def check_refused(example):
    done = run('run', DEMO, *QUESTION, '--raw-prompt', '--begin', 'A')
    assert done.returncode == 2 and '--begin' in done.stderr, done.stderr
    done = run('run', DEMO, *QUESTION, '--begin', b'\xff')
    assert done.returncode == 1 and 'UTF-8' in done.stderr, done.stderr
    done = run('run', DEMO, *picture(example), *QUESTION, '--begin', 'A star ' * 5000)
    assert done.returncode == 1 and 'the context holds' in done.stderr, done.stderr


def main():
    with open(fixture('demo', 'examples.json'), encoding='utf-8') as file:
        examples = json.load(file)
    n = sum(check_beginnings(example) for example in examples[:3])
    check_other_way(examples[0])
    check_trace(examples[0])
    check_refused(examples[0])
    print(f'{n} words of 6 answers were begun with')


if __name__ == '__main__':
    main()
