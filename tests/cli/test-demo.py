"""A trained model through pmod run: each question that the model was asked where it was trained must
get the same prompt, the same tokens, the same words, and the same tokens kept in each layer. And the
bundled model, whichever it is: it is found by its name and answers."""

import json
import os
from concurrent.futures import ThreadPoolExecutor

from pmodcli import DEMO, check_record, fixture, good, parse, record

LAST_LAYER = '5'  # its router never learned: one big tie, in which the lower index is kept


def ask(example):
    value = record(DEMO, '--image', fixture('demo', example['image']), '--prompt',
                   example['question'], '--dtype', 'f32')
    check_record(value)
    return value


def compare(example, value):
    assert value['prompt']['token_ids'] == example['prompt_token_ids'], value['prompt']
    assert value['output']['token_ids'] == example['token_ids'], value['output']
    assert value['output']['text'] == example['answer'], value['output']
    assert value['output']['finish'] == 'eos', value['output']
    routed = [str(layer['index']) for layer in value['layers'] if layer['routed']]
    assert routed == sorted(example['kept']), routed
    for index, kept in example['kept'].items():
        layer = value['layers'][int(index)]
        assert layer['kept'] == kept, f'layer {index}: {layer}'
    last = value['layers'][int(LAST_LAYER)]
    assert last['ties'] == last['n_vision'] and last['never_read'], last
    return min(layer['margin'] for layer in value['layers']
               if layer['routed'] and str(layer['index']) != LAST_LAYER)


def check_bundled():
    """It is listed, found by its name, and what its config.json says."""
    names = [model['name'] for model in parse(good('info', '--json').stdout)['models']]
    assert 'demo' in names, names
    value = record('demo', '--image', fixture('demo', 'seen-00.png'), '--prompt', 'What is this?',
                   '--max-new-tokens', '2')
    check_record(value)
    with open(os.path.join(value['model']['path'], 'config.json'), encoding='utf-8') as file:
        config = json.load(file)
    assert value['model']['layers'] == config['num_hidden_layers'], value['model']
    assert value['model']['hidden'] == config['hidden_size'], value['model']
    assert value['model']['vocab'] == config['vocab_size'], value['model']


def main():
    check_bundled()
    with open(fixture('demo', 'examples.json'), encoding='utf-8') as file:
        examples = json.load(file)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        values = list(pool.map(ask, examples))
    margins = [compare(example, value) for example, value in zip(examples, values)]
    right = sum(example['answer'] == example['expected'] for example in examples)
    print(f'{len(examples)} answers and their masks are equal, {right} of them right; '
          f'least margin at a cut {min(margins):.3g}')


if __name__ == '__main__':
    main()
