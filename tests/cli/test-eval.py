"""pmod eval: figures that follow from the answers beside them, the same ones each time; tasks of one's
own and what is refused of them; policies and twins; stopping. Needs no drawings that are fetched:
scenes are of shapes and characters alone."""

import json
import math
import os
import signal
import subprocess
import tempfile
import time
from collections import Counter, defaultdict

from pmodcli import DEMO, PMOD, TESTS, check_types, good, main, parse, run

PICTURES = os.path.join(TESTS, 'fixtures', 'demo')
FAST = ('--threads', '1', '--dtype', 'f32')
NUMBER = (int, float)
MAYBE = (int, float, type(None))
KINDS = {'at', 'background', 'bigger', 'colour', 'count', 'count-all', 'describe', 'exist', 'group',
         'read', 'relation', 'unsure', 'what', 'where'}
SCENES = {'split': 'test', 'art': 'none', 'count': 8}

folder = tempfile.TemporaryDirectory()
GROUP = {'n': int, 'accuracy': NUMBER, 'low': NUMBER, 'high': NUMBER, 'prior': NUMBER,
         'picture_accuracy': NUMBER}
LAYER = {'index': int, 'never_read': bool, 'kept': NUMBER, 'recall': MAYBE,
         'recall_chance': MAYBE, 'precision': MAYBE, 'precision_chance': MAYBE,
         'ratio_to_chance': MAYBE, 'low': MAYBE, 'high': MAYBE, 'median_abs_logit': NUMBER,
         'saturated': NUMBER, 'tied_cuts': NUMBER}
RESULT = {
    'schema': int, 'version': str, 'partial': bool, 'pictures': int, 'pictures_seen': int,
    'pictures_wanted': int, 'questions': int, 'seconds': NUMBER,
    'task': {'name': str, 'path': str, 'title': str, 'metric': str},
    'subjects': [{'name': str, 'model': str, 'dtype': str, 'schedule': str, 'policy': str,
                  'routed_layers': str, 'all': GROUP, 'mean_of_kinds': NUMBER,
                  'mean_prior': NUMBER, 'layers': [LAYER],
                  'kinds': [{**GROUP, 'kind': str, 'prior_answer': str}]}],
}
VERSUS = {'difference': NUMBER, 'low': NUMBER, 'high': NUMBER, 'better': int, 'worse': int,
          'same_words': int}


def path_of(name):
    return os.path.join(folder.name, name)


def write(name, text):
    with open(path_of(name), 'w', encoding='utf-8') as file:
        file.write(text)
    return path_of(name)


def write_task(name, task=(), **groups):
    """A task's file; task: what differs from a good [task], None to leave a key out."""
    source = next(iter(groups))
    keys = {'title': 'A test', 'source': source, 'metric': 'exact', **dict(task)}
    text = ''
    for group, values in {'task': keys, **groups}.items():
        lines = [f'{key}={value}' for key, value in values.items() if value is not None]
        text += f'[{group}]\n' + '\n'.join(lines) + '\n\n'
    return write(name, text)


def write_lines(name, *lines):
    return write(name, ''.join((line if isinstance(line, str) else json.dumps(line)) + '\n'
                               for line in lines))


def evaluate(task, *args, model=DEMO):
    """The JSON result and the lines of answers."""
    answers = path_of('answers.jsonl')
    done = good('eval', model, task, *FAST, '--json', '--answers', answers, *args)
    assert done.stderr == '', done.stderr
    result = parse(done.stdout)
    check_types(result, RESULT)
    with open(answers, encoding='utf-8') as file:
        lines = [parse(line) for line in file]
    assert len(lines) == result['questions']
    return result, lines


def plain(text):
    text = ' '.join(text.lower().split())
    return text.removesuffix('.').strip()


def wilson(share, n, z=1.959963984540054):
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(middle - half, 0), min(middle + half, 1)


def check_group(group, name, lines):
    scores = [line['got'][name]['score'] for line in lines]
    share = sum(scores) / len(scores)
    low, high = wilson(share, len(scores))
    assert group['n'] == len(lines)
    assert abs(group['accuracy'] - share) < 1e-9
    assert abs(group['low'] - low) < 1e-9 and abs(group['high'] - high) < 1e-9
    pictures = defaultdict(list)
    for line, score in zip(lines, scores):
        pictures[line['id']].append(score == 1)
    perfect = sum(map(all, pictures.values())) / len(pictures)
    assert abs(group['picture_accuracy'] - perfect) < 1e-9


def check_exact(subject, lines):
    """Every figure of the metric exact follows from the lines."""
    name = subject['name']
    by_kind = defaultdict(list)
    for line in lines:
        by_kind[line['kind']].append(line)
        got = line['got'][name]
        assert got['score'] == (plain(got['answer']) in map(plain, line['expected'])), line
    assert [group['kind'] for group in subject['kinds']] == sorted(by_kind)
    check_group(subject['all'], name, lines)
    guessed = 0
    for group in subject['kinds']:
        mine = by_kind[group['kind']]
        check_group(group, name, mine)
        counts = Counter(plain(line['expected'][0]) for line in mine)
        most = counts.most_common(1)[0][1]
        assert counts[plain(group['prior_answer'])] == most
        assert abs(group['prior'] - most / len(mine)) < 1e-9
        guessed += most
    assert abs(subject['all']['prior'] - guessed / len(lines)) < 1e-9
    mean = sum(group['accuracy'] for group in subject['kinds']) / len(by_kind)
    assert abs(subject['mean_of_kinds'] - mean) < 1e-9


def check_layers(subject):
    assert [layer['index'] for layer in subject['layers']] == [2, 3, 4, 5]
    for layer, kept in zip(subject['layers'], (41, 22, 9, 9)):
        assert layer['never_read'] == (layer['index'] == 5)
        assert abs(layer['kept'] - kept / 64) < 1e-9
        assert abs(layer['recall_chance'] - kept / 64) < 1e-9
        ratio = layer['ratio_to_chance']
        assert abs(layer['recall'] / layer['recall_chance'] - ratio) < 1e-9
        assert abs(layer['precision'] / layer['precision_chance'] - ratio) < 1e-9
        assert layer['low'] <= ratio <= layer['high']
        assert layer['saturated'] == 0
    assert subject['layers'][3]['tied_cuts'] == (subject['policy'] == 'router')
    assert subject['layers'][3]['median_abs_logit'] == 0 < subject['layers'][0]['median_abs_logit']


def test_scenes():
    task = write_task('own.ini', scenes={**SCENES, 'unsure': 0.3})
    result, lines = evaluate(task)
    subject, = result['subjects']
    assert result['task'] == {'name': 'own', 'path': task, 'title': 'A test', 'metric': 'exact'}
    assert not result['partial']
    assert result['pictures'] == result['pictures_seen'] == result['pictures_wanted'] == 8
    assert {line['kind'] for line in lines} <= KINDS
    assert subject['name'] == 'router' and os.path.samefile(subject['model'], DEMO)
    check_exact(subject, lines)
    check_layers(subject)
    again = evaluate(task)
    for value in (result, again[0]):
        value.pop('seconds')
    assert (result, lines) == again


def test_limit_and_kinds():
    keys = {**SCENES, 'kinds': 'colour, background', 'unsure': 0, 'questions': 100}
    result, lines = evaluate(write_task('kinds.ini', scenes=keys), '--limit', '5')
    assert result['pictures_seen'] == 5 and {line['id'] for line in lines} <= set('01234')
    assert {line['kind'] for line in lines} == {'colour', 'background'}
    other, _ = evaluate(write_task('seed.ini', scenes={**keys, 'seed': 2}), '--limit', '5')
    assert other['subjects'][0]['kinds'] != result['subjects'][0]['kinds']
    text = good('eval', DEMO, path_of('kinds.ini'), *FAST, '--limit', '5').stdout
    for part in ('kinds: A test', 'exact', 'colour', 'mean of kinds', 'never read', 'prior'):
        assert part in text, text


def test_yes_no():
    keys = {**SCENES, 'kinds': 'exist', 'unsure': 0, 'questions': 100}
    result, lines = evaluate(write_task('yes.ini', {'metric': 'yes-no'}, scenes=keys))
    yes_no = result['subjects'][0]['yes_no']
    said = ['no' not in line['got']['router']['answer'].lower().split('.')[0].split()
            for line in lines]
    true = [line['expected'] == ['Yes.'] for line in lines]
    both = sum(map(min, said, true))
    assert sum(true) * 2 == len(true)
    assert abs(yes_no['precision'] - both / sum(said)) < 1e-9
    assert abs(yes_no['recall'] - both / sum(true)) < 1e-9
    assert abs(yes_no['f1'] - 2 * both / (sum(said) + sum(true))) < 1e-9
    assert abs(yes_no['yes_share'] - sum(said) / len(said)) < 1e-9
    assert yes_no['yes_share_truth'] == 0.5


def test_vqa_soft():
    keys = {**SCENES, 'kinds': 'where, count', 'unsure': 0, 'questions': 100}
    _, lines = evaluate(write_task('vqa.ini', {'metric': 'vqa-soft'}, scenes=keys))
    places = [line['expected'] for line in lines if line['kind'] == 'where']
    assert places and all(len(x) == 10 and len(set(x)) == 2 for x in places)
    assert all(x[0].lower().endswith(x[9] + '.') for x in places)


def test_jsonl():
    """Questions of which the model's answers are known, pictures mixed: put together by picture."""
    with open(os.path.join(PICTURES, 'examples.json'), encoding='utf-8') as file:
        examples = sorted(json.load(file), key=lambda example: example['question'])
    order = list(dict.fromkeys(example['image'] for example in examples))
    lines = [{'id': i, 'image': example['image'], 'question': example['question'],
              'answers': ['nonsense', example['expected']], 'category': example['image'][0]}
             for i, example in enumerate(examples)]
    write_lines('known.jsonl', *lines, '', {'question': 'What is this?', 'answers': ['x']})
    task = write_task('known.ini', jsonl={'answers': 'known.jsonl', 'images': PICTURES})
    result, answers = evaluate(task)
    assert result['pictures'] == len(order) + 1
    assert answers[-1]['id'] == str(len(lines) + 2) and answers[-1]['kind'] == 'question'
    asked = [examples[int(answer['id'])] for answer in answers[:-1]]
    assert asked == sorted(examples, key=lambda example: order.index(example['image']))
    for example, answer in zip(asked, answers):
        got = answer['got']['router']
        assert got['answer'] == example['answer'], (example, got)
        assert got['score'] == (example['answer'] == example['expected']), (example, got)
    right = sum(example['answer'] == example['expected'] for example in examples)
    everything = result['subjects'][0]['all']
    assert abs(everything['accuracy'] - right / (len(examples) + 1)) < 1e-9


def test_several_pictures():
    """Shown together, in order, and where the question says; equal lists are one picture."""
    both = ['seen-00.png', 'seen-01.png']
    write_lines('both.jsonl', {'image': both, 'question': '<image> and <image>?', 'answers': ['x']},
                {'image': both[::-1], 'question': 'What?', 'answers': ['x']},
                {'image': both, 'question': 'What?', 'answers': ['x']})
    task = write_task('both.ini', jsonl={'answers': 'both.jsonl', 'images': PICTURES})
    result, lines = evaluate(task)
    assert result['pictures'] == 2 and [line['id'] for line in lines] == ['1', '3', '2']
    for line, names in zip(lines, (both, both, both[::-1])):
        images = [x for name in names for x in ('--image', os.path.join(PICTURES, name))]
        answer = good('run', DEMO, *FAST, *images, '--prompt', line['question']).stdout.strip()
        assert line['got']['router']['answer'] == answer, (line, answer)


def test_prompt():
    """The template goes around the question: the model is asked what it knows."""
    write_lines('yellow.jsonl',
                {'image': 'seen-03.png', 'question': 'background', 'answers': ['B'],
                 'choices': ['red', 'yellow', '{question}']})
    keys = {'answers': path_of('yellow.jsonl'), 'images': PICTURES}
    asks = {'metric': 'choice', 'prompt': 'Which color is the {question}?'}
    result, lines = evaluate(write_task('yellow.ini', asks, jsonl=keys))
    assert lines[0]['question'] == 'background' and lines[0]['got']['router']['answer'] == 'Yellow.'
    assert result['subjects'][0]['all']['accuracy'] == 1
    both = {'metric': 'choice', 'prompt': r'{question}\n{choices}', 'max-new-tokens': 2}
    _, lines = evaluate(write_task('both.ini', both, jsonl=keys))
    answer = good('run', DEMO, *FAST, '--image', os.path.join(PICTURES, 'seen-03.png'), '--prompt',
                  'background\nA. red\nB. yellow\nC. {question}', '--max-new-tokens', '2').stdout
    assert lines[0]['got']['router']['answer'] == answer.strip()


def test_policies():
    task = write_task('policies.ini', scenes=SCENES)
    alone, lines_alone = evaluate(task)
    result, lines = evaluate(task, '--compare-policies', '--twin', DEMO, '--seed', '1')
    subjects = {subject['name']: subject for subject in result['subjects']}
    assert list(subjects) == ['router', 'random', 'inverse', 'grid', 'dense', 'twin']
    assert subjects['router'] == alone['subjects'][0]
    assert [x['got']['router'] for x in lines] == [x['got']['router'] for x in lines_alone]
    for name, subject in subjects.items():
        check_exact(subject, lines)
        if name != 'dense':
            check_layers(subject)
        if name != 'router':
            check_versus(subject, lines)
    assert subjects['dense']['layers'] == [] and subjects['dense']['routed_layers'] == 'none'
    assert subjects['twin']['versus_first']['same_words'] == len(lines)
    assert subjects['twin']['layers'] == subjects['router']['layers']
    recalls = {tuple(layer['recall'] for layer in subjects[name]['layers'])
               for name in ('router', 'random', 'inverse', 'grid')}
    assert len(recalls) == 4
    check_random(task, subjects['random'])


def check_random(task, random):
    """A seed gives one choice, alone or beside others; another seed another one."""
    layers = [evaluate(task, '--policy', 'random', '--seed', seed)[0]['subjects'][0]['layers']
              for seed in ('1', '2')]
    assert layers[0] == random['layers'] != layers[1]


def check_versus(subject, lines):
    versus = subject['versus_first']
    check_types(versus, VERSUS)
    pairs = [(x['got']['router'], x['got'][subject['name']]) for x in lines]
    difference = sum(b['score'] - a['score'] for a, b in pairs) / len(pairs)
    assert abs(versus['difference'] - difference) < 1e-9
    assert versus['low'] <= difference <= versus['high']
    assert versus['better'] == sum(b['score'] > a['score'] for a, b in pairs)
    assert versus['worse'] == sum(b['score'] < a['score'] for a, b in pairs)
    assert versus['same_words'] == sum(a['answer'] == b['answer'] for a, b in pairs)


def refused(part, *args, code=1, where=''):
    done = run('eval', *args)
    assert done.returncode == code, f'{args}: {done.returncode} {done.stderr}'
    assert part in done.stderr, f'{args}: {done.stderr}\nexpected: {part}'
    assert where in done.stderr, f'{args}: {done.stderr}\nexpected: {where}'
    assert done.stdout == '' and done.stderr.count('\n') == 1, done.stderr


def test_usage():
    refused('expected a model and a task, got nothing', code=2)
    refused('expected a task after the model, got nothing', 'demo', code=2)
    refused('got "more" as well', 'demo', 'scenes', 'more', code=2)
    refused('--limit: expected a whole number from 1', 'demo', 'scenes', '--limit', '0', code=2)
    refused('expected no --policy, got "grid"', 'demo', 'scenes', '--compare-policies', '--policy',
            'grid', code=2)
    refused('got "demo"', '--tasks', 'demo', code=2)
    refused('expected a file beside --json', 'demo', 'scenes', '--answers', '-', '--json', code=2)
    refused('task "nothing": expected a file or the name of an installed task (', 'demo', 'nothing')
    refused('no installed model of that name', 'nobody', 'scenes-plain')
    refused('no installed model of that name', 'demo', 'scenes-plain', '--twin', 'nobody')
    refused('/nowhere/x', 'demo', 'scenes-plain', '--answers', '/nowhere/x')
    refused('expected a layer that is routed', 'demo', 'scenes-plain', '--schedule', 'dense',
            '--compare-policies')
    refused(f'expected drawings in {folder.name}, got none', 'demo', 'scenes', '--art', folder.name)
    refused(f'fetch-art {folder.name}" fetches them', 'demo', 'scenes', '--art', folder.name)


TASKS = [
    ({}, {'splt': 'test'}, ':8: [scenes] splt: no such key; there are split, art, nouns'),
    ({}, {'split': 'tests'}, ':7: [scenes] split: expected one of train, validation, test, got "t'),
    ({}, {'split': None}, '[scenes]: split: expected one of train, validation, test, got nothing'),
    ({}, {'art': 'noto'}, 'art: expected one of train, held-out, none, got "noto"'),
    ({}, {'count': '0'}, ':9: [scenes] count: expected a whole number from 1 to 1000000, got "0"'),
    ({}, {'count': '1.5'}, 'got "1.5"'),
    ({}, {'count': 'many'}, 'got "many"'),
    ({}, {'count': ''}, 'count: expected a value, got nothing'),
    ({}, {'seed': '-1'}, 'seed: expected a whole number from 0'),
    ({}, {'unsure': 'nan'}, 'unsure: expected a number from 0 to 1, got "nan"'),
    ({}, {'nouns': 'nouns.tsv'}, 'nouns: expected no table of drawings with art=none, got one'),
    ({}, {'nouns': '../nouns.tsv'},
     ':10: [scenes] nouns: expected the name of a file beside art.ini, got a path'),
    ({}, {'kinds': 'what, colours'}, 'kinds: expected kinds of questions'),
    ({'metric': 'bleu'}, {}, ':4: [task] metric: expected one of exact, yes-no, vqa-soft, choice,'),
    ({'source': 'files'}, {}, ':3: [task] source: expected one of scenes, jsonl, got "files"'),
    ({'title': None}, {}, '[task]: title: expected a line about the task, got nothing'),
    ({'prompt': 'Hello'}, {}, 'prompt: expected text with "{question}" in it'),
    ({'max-new-tokens': '0'}, {}, 'max-new-tokens: expected a whole number from 1'),
    ({'size': '112'}, {}, ':5: [task] size: no such key'),
    ({'source': 'jsonl'}, {}, ':6: [scenes]: no such group; with this source there are task and js'),
]


def test_bad_tasks():
    for task, scenes, part in TASKS:
        path = write_task('bad.ini', task, scenes={**SCENES, **scenes})
        if 'splt' in scenes:
            path = write_task('bad.ini', task, scenes={'split': 'test', **scenes})
        refused(part, 'demo', path, where=path)
    refused('nouns: expected a table of nouns, got no file ', 'demo',
            write_task('bad.ini', scenes={**SCENES, 'art': 'train', 'nouns': 'no-nouns.tsv'}))
    refused('expected groups and keys', 'demo', write('bad.ini', 'title=no group\n'))
    refused('[task]: title: expected', 'demo', write('bad.ini', ''))
    refused('nowhere.jsonl', 'demo',
            write_task('bad.ini', jsonl={'answers': 'nowhere.jsonl'}))


GOOD_LINE = {'question': 'What?', 'answers': ['yes']}
LINES = [
    ('exact', 'nonsense', ':2: expected a JSON object: '),
    ('exact', [1], ':2: expected a JSON object, got "[1]"'),
    ('exact', {**GOOD_LINE, 'image': 7}, ':2: "image": expected a string with something in it, got'),
    ('exact', {**GOOD_LINE, 'image': []}, ':2: "image": expected 1 to 16 strings in an array, got'),
    ('exact', {**GOOD_LINE, 'question': ''}, ':2: "question": expected a string'),
    ('exact', {'answers': ['x']}, '"question": expected a string with something in it, got nothing'),
    ('exact', {**GOOD_LINE, 'answers': 'yes'}, '"answers": expected 1 to 1000 strings in an array, '
     'got "yes"'),
    ('exact', {**GOOD_LINE, 'answers': []}, 'in an array, got "[]"'),
    ('exact', {**GOOD_LINE, 'answers': ['a', 1]}, 'in an array, got "['),
    ('exact', {**GOOD_LINE, 'answer': 'yes'}, 'expected members of id, image, question, answers, '
     'choices, category, got "answer"'),
    ('exact', {**GOOD_LINE, 'id': 1.5}, '"id": expected a string'),
    ('exact', {**GOOD_LINE, 'choices': ['one']}, '"choices": expected 2 to 26 strings'),
    ('yes-no', {**GOOD_LINE, 'answers': ['maybe']}, 'expected "yes" or "no" alone, got "maybe"'),
    ('yes-no', {**GOOD_LINE, 'answers': ['yes', 'no']}, 'got "yes" and more'),
    ('choice', {**GOOD_LINE, 'answers': ['dog']}, 'expected the letter of one choice, got "dog"'),
    ('choice', {**GOOD_LINE, 'answers': ['C'], 'choices': ['a', 'b']}, 'letter of one choice'),
    ('vqa-soft', {**GOOD_LINE, 'answers': ['a', 'b']}, 'four people or more, got 2'),
]


def test_bad_lines():
    for metric, line, part in LINES:
        first = {'yes-no': 'yes', 'choice': 'A'}.get(metric, 'x')
        write_lines('bad.jsonl', {**GOOD_LINE, 'answers': [first]}, line)
        task = write_task('lines.ini', {'metric': metric}, jsonl={'answers': 'bad.jsonl'})
        refused(part, 'demo', task, where=path_of('bad.jsonl') + ':2: ')
    write_lines('bad.jsonl', '', '')
    refused('expected a question, got none', 'demo', path_of('lines.ini'))
    with open(path_of('bad.jsonl'), 'wb') as file:
        file.write(b'{"question": "caf\xe9"}\n')
    refused(':1: expected UTF-8', 'demo', path_of('lines.ini'))


def test_error_in_the_middle():
    """A picture that cannot be read ends the run; what came before it is told."""
    write_lines('middle.jsonl', {**GOOD_LINE, 'answers': ['no']},
                {**GOOD_LINE, 'image': 'nowhere.png'})
    task = write_task('middle.ini', jsonl={'answers': 'middle.jsonl'})
    done = run('eval', DEMO, task, *FAST, '--json')
    assert done.returncode == 1 and 'nowhere.png' in done.stderr, done.stderr
    result = parse(done.stdout)
    assert result['partial'] and result['questions'] == 1 and result['pictures_wanted'] == 2
    assert result['subjects'][0]['layers'] == []


def test_interrupt():
    task = write_task('long.ini', scenes={**SCENES, 'count': 1000000})
    with subprocess.Popen([PMOD, 'eval', DEMO, task, *FAST, '--json', '--compare-policies'],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        time.sleep(3)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 1, err
    if not out:  # not even a model was open: as it may be under a sanitizer
        return
    result = parse(out)
    assert result['partial'] and 0 < result['pictures'] <= result['pictures_seen'], err
    assert f'stopped after {result["pictures_seen"]} of 1000000 pictures' in err, err
    assert {subject['all']['n'] for subject in result['subjects']} == {result['questions']}


def test_installed():
    result = parse(good('eval', '--tasks', '--json').stdout)
    names = {task['name'] for task in result['tasks']}
    assert names >= {'scenes', 'scenes-held-out', 'scenes-plain', 'pope-scenes', 'vqa-scenes',
                     'unsure'}
    text = good('eval', '--tasks').stdout
    assert all(name in text for name in names)
    value, _ = evaluate('unsure', '--limit', '3')
    assert [x['kind'] for x in value['subjects'][0]['kinds']] == ['unsure']
    assert all(layer['recall'] is None for layer in value['subjects'][0]['layers'])


def test_sizes():
    """Scenes are as large as the pictures that a model reads, and refused where that cannot be."""
    tiny = os.path.join(TESTS, 'fixtures', 'tiny-pmod-12layer')
    with open(os.path.join(tiny, 'config.json'), encoding='utf-8') as file:
        assert json.load(file)['mm_hidden_size'] > 0
    done = run('eval', tiny, 'scenes-plain', *FAST, '--limit', '1', '--max-new-tokens', '1', '--json')
    assert done.returncode == 0, done.stderr
    layers = parse(done.stdout)['subjects'][0]['layers']
    assert layers and all(layer['recall'] is not None for layer in layers)


with folder:
    main([test_scenes, test_limit_and_kinds, test_yes_no, test_vqa_soft, test_jsonl,
          test_several_pictures, test_prompt,
          test_policies, test_usage, test_bad_tasks, test_bad_lines, test_error_in_the_middle,
          test_interrupt, test_installed, test_sizes])
