"""Runs of pmod serve for windows on other machines: frames, the records of pmod run, who is refused,
what is malformed, who leaves, who waits, and two clients whose contexts have nothing in common."""

import importlib.util
import json
import os
import pathlib
import socket
import struct
import tempfile
import time
import zlib

import pmodcli

spec = importlib.util.spec_from_file_location(
    'serve', pathlib.Path(__file__).with_name('test-serve.py'))
serve = importlib.util.module_from_spec(spec)
spec.loader.exec_module(serve)

N_LEFT = 8
PATH = '/v1/strata/runs'
LONG = 'a b c d e f g'  # what the random weights have much to say to
PARAMS = {'generation': 7, 'ratios': [], 'norm': 'tanh_0.2_1', 'policy': 'router',
          'policy_seed': 0, 'temperature': 0, 'top_k': 0, 'top_p': 1, 'seed': 0,
          'max_new_tokens': 256, 'alternatives': 5}


class Client:
    def __init__(self, server, name='me'):
        self.server, self.name = server, name
        status, _, body = server.send('GET', '/v1/strata')
        assert status == 200, body
        self.facts = json.loads(body)
        config = json.loads(self.facts['config'])
        kind, upper, lower = config['mod_target_layers'].rsplit('_', 2)
        self.params = {**PARAMS, 'schedule': kind.removesuffix('_decay'), 'upper': float(upper),
                       'lower': float(lower), 'factor': config['mod_router_factor'],
                       'span': config.get('mod_decay_span', 31), 'norm': config['mod_weight_norm']}

    def request(self, pixels=b'', **members):
        return json.dumps({'protocol': 1, 'trace': 'PMODTRC1', 'client': self.name,
                           'model': self.facts['model'], 'lane': 0, 'params': self.params,
                           **members}).encode() + b'\n' + pixels

    def run(self, *args, **members):
        status, reply, body = self.server.send('POST', PATH, self.request(*args, **members))
        if status != 200:
            return status, json.loads(body)['error']
        assert reply.getheader('Content-Type') == 'application/x-strata-frames'
        return status, frames_of(body)


def frames_of(body):
    frames, at = [], 0
    while at < len(body):
        kind, size = body[at:at + 4].decode(), struct.unpack_from('<I', body, at + 4)[0]
        assert kind in ('wait', 'recs', 'logi', 'poin', 'done', 'fail'), kind
        frames.append((kind, body[at + 8:at + 8 + size]))
        at += 8 + size
    assert at == len(body)
    return frames


def end_of(frames):
    kind, data = frames[-1]
    return {'kind': kind, **json.loads(data)}


def test_words(server):
    client = Client(server)
    status, frames = client.run(texts=['What is this?'], logits=True)
    assert status == 200 and end_of(frames)['kind'] == 'done', frames[-1]
    kinds = [kind for kind, _ in frames]
    assert kinds[0] == 'wait' and kinds.count('logi') == 1
    # The logits follow the first word's record.
    assert struct.unpack_from('<H', frames[kinds.index('logi') - 1][1], 4)[0] == 6
    vocab = json.loads(client.facts['config'])['vocab_size']
    assert len(dict(frames)['logi']) == 4 * vocab
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'run.trace')
        records = b''.join(data for kind, data in frames if kind == 'recs')
        with open(path, 'wb') as file:
            file.write(b'PMODTRC1' + records)
        trace = pmodcli.parse(pmodcli.good('trace', path, '--json').stdout)
    expected = pmodcli.record(pmodcli.DEMO, '--prompt', 'What is this?')
    assert end_of(frames)['text'] == expected['output']['text'], (frames[-1], expected['output']['text'])
    assert len(trace['runs']) == 1


def test_pictures(server):
    client = Client(server)
    pixels = zlib.compress(bytes(40 * 30 * 3))
    ref = {'width': 40, 'height': 30, 'hash': 0, 'bytes': len(pixels)}
    # The hash is the engine's own: a wrong one is told, and the run refused.
    status, frames = client.run(pixels, pictures=[ref], only_read=True)
    end = end_of(frames)
    assert end['kind'] == 'fail' and end['code'] == 'format' and 'hash' in end['message'], end
    status, frames = client.run(pixels[:20], pictures=[{**ref, 'bytes': 20}], only_read=True)
    assert end_of(frames)['code'] == 'format', frames[-1]
    # One that was never sent.
    status, frames = client.run(pictures=[{**ref, 'bytes': 0}], only_read=True)
    assert end_of(frames)['code'] == 'picture', frames[-1]


def test_sweep(server):
    client = Client(server)
    settings = [{**client.params, 'schedule': 'constant', 'factor': factor} for factor in (0.3, 0.5, 0.7)]
    status, frames = client.run(texts=['What is this?'], settings=settings)
    points = [json.loads(data) for kind, data in frames if kind == 'poin']
    assert [point['index'] for point in points] == [-1, 0, 1, 2], points
    assert points[0]['divergence'] == 0 and all(point['text'] for point in points)
    assert not [kind for kind, _ in frames if kind == 'recs']


def test_refused(server):
    client = Client(server)
    text = {'texts': ['What is this?']}
    assert server.send('GET', '/v1/strata', headers={'Authorization': None})[0] == 401
    assert server.send('POST', PATH, client.request(**text), {'Authorization': None})[0] == 401
    assert server.send('POST', PATH, client.request(**text), {'Host': 'evil.example'})[0] == 403
    assert server.send('GET', PATH)[0] == 405
    for members, part in [({'protocol': 2}, 'protocol'), ({'trace': 'PMODTRC2'}, 'PMODTRC2'),
                          ({'model': 'other'}, 'another model'), ({'client': 'a b'}, 'client'),
                          ({'client': ''}, 'client'), ({'lane': 8}, 'lane'), ({'lane': -1}, 'lane'),
                          ({'texts': []}, 'texts'), ({'texts': ['a', 'b']}, 'texts'),
                          ({'texts': 'hi'}, 'texts'), ({'texts': [7]}, 'texts'),
                          ({'texts': None}, 'texts'), ({'params': None}, 'parameters'),
                          ({'params': {**client.params, 'policy': 'best'}}, 'policy'),
                          ({'params': {**client.params, 'factor': 'a lot'}}, 'factor'),
                          ({'params': {**client.params, 'temperature': -1}}, 'temperature'),
                          ({'params': {**client.params, 'paint': '{'}}, 'paint'),
                          ({'params': {**client.params, 'ratios': [0] * 300}}, 'ratios'),
                          ({'settings': [{}]}, 'generation'),
                          ({'pictures': [{'width': 9, 'height': 9, 'hash': 1, 'bytes': 9}]},
                           'bytes'),
                          ({'pictures': [{'width': 10 ** 6, 'height': 10 ** 6, 'hash': 1,
                                          'bytes': 0}]}, 'fewer pixels')]:
        status, error = client.run(**{**text, **members})
        assert status == (409 if 'model' in members else 400), (members, status, error)
        assert part in error['message'], (members, error)
    for body in (b'', b'\n', b'{}', b'{}\n', b'[' * 100000 + b'\n', b'\xff\n',
                 client.request(b'more', **text)):
        assert server.send('POST', PATH, body)[0] == 400, body[:50]
    # What only the engine can refuse comes as a frame.
    status, frames = client.run(texts=['word ' * 5000])
    assert end_of(frames)['code'] == 'context', frames[-1]
    status, frames = client.run(**text, params={**client.params, 'ratios': [0.5]})
    assert end_of(frames)['code'] == 'argument' and 'layer 0' in frames[-1][1].decode()
    assert end_of(client.run(**text)[1])['kind'] == 'done'


def start(client, **members):
    """A connection whose run has begun."""
    body = client.request(**members)
    connection = socket.create_connection(('127.0.0.1', client.server.port), timeout=30)
    connection.sendall(f'POST {PATH} HTTP/1.1\r\nHost: localhost\r\n'
                       f'Authorization: Bearer {client.server.token}\r\n'
                       f'Content-Length: {len(body)}\r\n\r\n'.encode() + body)
    received = b''
    while b'recs' not in received:
        received += connection.recv(65536)
    return connection


def test_leaving():
    """Closing the connection ends the run: the next one does not wait for what is left of it."""
    model = pmodcli.fixture('tiny-pmod-llava-next')
    with serve.Server(model=model) as server:
        client = Client(server)
        long = {'texts': [LONG], 'params': {**client.params, 'max_new_tokens': 4000}}
        began = time.monotonic()
        whole = client.run(**long)[1]
        whole_s = time.monotonic() - began
        assert len(whole) > 200, whole[-1]
        began = time.monotonic()
        for _ in range(N_LEFT):
            start(client, **long).close()
        client.run(texts=['Hm?'], params={**client.params, 'max_new_tokens': 1})
        left_s = time.monotonic() - began
        print(f'# a whole run: {whole_s:.2f} s; {N_LEFT} that were left and a short '
              f'one: {left_s:.2f} s')
        # Of an answer that is sent whole nothing is written before its end.
        chat = json.dumps({'messages': [{'role': 'user', 'content': LONG}], 'max_tokens': 4000})
        headers = {'Authorization': f'Bearer {server.token}'}
        began = time.monotonic()
        server.send('POST', '/v1/chat/completions', chat)
        chat_s = time.monotonic() - began
        began = time.monotonic()
        for _ in range(N_LEFT):
            gone = server.connect()
            gone.request('POST', '/v1/chat/completions', chat, headers)
            time.sleep(0.01)
            gone.close()
        client.run(texts=['Hm?'], params={**client.params, 'max_new_tokens': 1})
        gone_s = time.monotonic() - began
        print(f'# a whole answer: {chat_s:.2f} s; {N_LEFT} that were left: {gone_s:.2f} s')
        assert gone_s < chat_s * N_LEFT / 2, (gone_s, chat_s)
        # Uncancelled they would take N_LEFT times as long as one.
        assert left_s < whole_s * N_LEFT / 2, (left_s, whole_s)


def test_contexts(server):
    """Each client finds what it left, whoever came between."""
    one, two = Client(server, 'one'), Client(server, 'two')

    def reused(client, lane=0):
        frames = client.run(texts=['What is this?'], lane=lane)[1]
        begin = next(data for kind, data in frames if kind == 'recs')
        return struct.unpack_from('<i', begin, 52)[0]

    first = [reused(one), reused(two), reused(one, 1)]
    assert first == [0, 0, 0], first
    again = [reused(one), reused(two), reused(one, 1)]
    assert again[0] == again[1] == again[2], again


def test_descriptors(server):
    """Clients that have gone leave none behind."""
    folder = f'/proc/{server.process.pid}/fd'
    before = len(os.listdir(folder))
    client = Client(server)
    for _ in range(100):
        server.send('GET', '/health')
        client.run(texts=['Hm?'])
    server.send('GET', '/health')
    time.sleep(2.5)
    server.send('GET', '/health')
    after = len(os.listdir(folder))
    assert after < before + 20, (before, after)


def test_busy():
    with serve.Server('--max-waiting', '1', model=pmodcli.fixture('tiny-pmod-llava-next')) as server:
        client = Client(server)
        long = {'texts': [LONG], 'params': {**client.params, 'max_new_tokens': 4000}}
        running = start(client, **long)
        body = client.request(**long)
        waiting = socket.create_connection(('127.0.0.1', server.port), timeout=30)
        waiting.sendall(f'POST {PATH} HTTP/1.1\r\nHost: localhost\r\n'
                        f'Authorization: Bearer {server.token}\r\n'
                        f'Content-Length: {len(body)}\r\n\r\n'.encode() + body)
        received = b''
        while b'wait' not in received:
            received += waiting.recv(65536)
        status, reply, body = server.send('POST', PATH, body)
        assert status == 503 and reply.getheader('Retry-After') == '1', (status, body)
        running.close()
        waiting.close()
        # Their places are free as soon as the server has seen that they left.
        end = time.monotonic() + 30
        while (reply := client.run(texts=['Hm?']))[0] == 503 and time.monotonic() < end:
            time.sleep(0.05)
        assert reply[0] == 200 and end_of(reply[1])['kind'] == 'done', reply


def main():
    with serve.Server() as server:
        for test in (test_words, test_pictures, test_sweep, test_refused,
                     test_contexts, test_descriptors):
            test(server)
            print('ok', test.__name__, flush=True)
    for test in (test_leaving, test_busy):
        test()
        print('ok', test.__name__, flush=True)


if __name__ == '__main__':
    main()
