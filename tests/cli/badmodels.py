"""Broken checkpoints, made from a tiny good one: each function takes the path of a fresh copy."""

import json
import os
import shutil

from pmodcli import DEMO, edit_header, edit_tensor, fixture, read_header, write_file

WEIGHTS = 'model.safetensors'
SHARD = 'model-00002-of-00002.safetensors'
Q_PROJ = 'model.layers.1.self_attn.q_proj.weight'
FFN = 'model.layers.1.mlp.up_proj.weight'


def copy_model(folder, name, source='tiny-pmod-12layer'):
    """A copy beside a link to the vision tower, as config.json expects it."""
    folder = os.path.join(folder, name)
    os.mkdir(folder)
    os.symlink(fixture('tiny-clip-336'), os.path.join(folder, 'tiny-clip-336'))
    path = os.path.join(folder, 'model')
    shutil.copytree(fixture(source), path)
    return path


def weights(path):
    return os.path.join(path, WEIGHTS)


# --- safetensors --------------------------------------------------------------------------------

def truncated(path):
    os.truncate(weights(path), os.path.getsize(weights(path)) // 2)


def headless(path):
    os.truncate(weights(path), 5)


def empty(path):
    os.truncate(weights(path), 0)


def overlapping(path):
    def change(header):
        header[FFN]['data_offsets'] = [x - 2 for x in header[FFN]['data_offsets']]
    edit_header(weights(path), change)


def gap(path):
    """The last tensor is gone from the header; its bytes are still there."""
    def change(header):
        last = max((name for name in header if name != '__metadata__'),
                   key=lambda name: header[name]['data_offsets'][1])
        del header[last]
    edit_header(weights(path), change)


def lying(path):
    def change(header):
        header[Q_PROJ]['shape'] = [x * 2 for x in header[Q_PROJ]['shape']]
    edit_header(weights(path), change)


def overflowing(path):
    def change(header):
        header[Q_PROJ]['shape'] = [1 << 40, 1 << 40]
    edit_header(weights(path), change)


def negative(path):
    def change(header):
        header[Q_PROJ]['shape'] = [-64, -64]
    edit_header(weights(path), change)


def duplicate(path):
    header, data = read_header(weights(path))
    text = json.dumps(header).encode()
    entry = json.dumps({Q_PROJ: header[Q_PROJ]}).encode()
    write_file(weights(path), text[:-1] + b', ' + entry[1:], data)


def huge_header(path):
    """Claims a header of 2 GB, in a small file."""
    header, data = read_header(weights(path))
    write_file(weights(path), header, data, size=2 << 30)


def huge_header_there(path):
    """Claims a header of 2 GB, and the (sparse) file is that long."""
    header, data = read_header(weights(path))
    write_file(weights(path), header, data, size=2 << 30)
    os.truncate(weights(path), (2 << 30) + (1 << 20))


def not_json(path):
    _, data = read_header(weights(path))
    write_file(weights(path), b'{"model": nonsense}', data)


def wrong_dtype(path):
    def change(header):
        header[Q_PROJ]['dtype'] = 'I16'
    edit_header(weights(path), change)


def unknown_dtype(path):
    def change(header):
        header[Q_PROJ]['dtype'] = 'F17'
    edit_header(weights(path), change)


def wrong_shape(path):
    """As many numbers, in another shape."""
    def change(header):
        rows, cols = header[Q_PROJ]['shape']
        header[Q_PROJ]['shape'] = [rows * 2, cols // 2]
    edit_header(weights(path), change)


def missing_tensor(path):
    def change(header):
        header['model.layers.1.nothing.weight'] = header.pop(Q_PROJ)
    edit_header(weights(path), change)


def not_a_number(path):
    edit_tensor(weights(path), Q_PROJ, lambda part: part[:20] + b'\x00\x7e' + part[22:])


def infinite(path):
    edit_tensor(weights(path), 'model.norm.weight', lambda part: b'\x00\x7c' + part[2:])


def missing_shard(path):
    os.remove(os.path.join(path, SHARD))


def index_lies(path):
    """A tensor is said to lie in a file that the directory must not lead to."""
    name = os.path.join(path, 'model.safetensors.index.json')
    with open(name, encoding='utf-8') as file:
        index = json.load(file)
    index['weight_map'][Q_PROJ] = '../../outside.safetensors'
    with open(name, 'w', encoding='utf-8') as file:
        json.dump(index, file)


def only_pickle(path):
    os.rename(weights(path), os.path.join(path, 'pytorch_model.bin'))


def no_weights(path):
    os.remove(weights(path))


# --- config.json, tokenizer ---------------------------------------------------------------------

def edit_config(**changes):
    def edit(path):
        name = os.path.join(path, 'config.json')
        with open(name, encoding='utf-8') as file:
            config = json.load(file)
        for key, value in changes.items():
            if value is None:
                del config[key]
            else:
                config[key] = value
        with open(name, 'w', encoding='utf-8') as file:
            json.dump(config, file)
    return edit


def write_config(data):
    def edit(path):
        with open(os.path.join(path, 'config.json'), 'wb') as file:
            file.write(data)
    return edit


def no_config(path):
    os.remove(os.path.join(path, 'config.json'))


def no_tower(path):
    edit_config(mm_vision_tower='nowhere')(path)


def other_tokenizer(path):
    """Of demo-v0: 1280 pieces for a vocabulary of 512."""
    shutil.copy(os.path.join(DEMO, 'tokenizer.model'), path)


def broken_tokenizer(path):
    name = os.path.join(path, 'tokenizer.model')
    os.truncate(name, os.path.getsize(name) // 3)


def no_tokenizer(path):
    os.remove(os.path.join(path, 'tokenizer.model'))
