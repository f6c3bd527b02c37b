"""pmod serve as programs use it: answers whole and streamed, pictures, the record, who is refused,
what is malformed, who is slow, who leaves, and a thousand requests at once."""

import base64
import concurrent.futures
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import time

import pmodcli

EXAMPLES = json.load(open(pmodcli.fixture('demo', 'examples.json')))
PICTURES = pmodcli.fixture('demo')


class Server:
    def __init__(self, *options, model=pmodcli.DEMO):
        self.process = subprocess.Popen(
            [pmodcli.PMOD, 'serve', model, '--port', '0', '--threads', '1', *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        line = self.process.stdout.readline().decode()
        found = re.fullmatch(r'http://127\.0\.0\.1:(\d+)/v1  model (\S+)  token (\S+)\n', line)
        assert found, (line, self.process.stderr.read().decode())
        self.port, self.model, self.token = int(found[1]), found[2], found[3]

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        self.process.send_signal(signal.SIGINT)
        stderr = self.process.communicate(timeout=60)[1].decode()
        if not failure:
            pmodcli.check_sane('serve', self.process.returncode, stderr)
            assert self.process.returncode == 0 and stderr == '', stderr

    def connect(self):
        return http.client.HTTPConnection('127.0.0.1', self.port, timeout=60)

    def send(self, method, path, body=None, headers=None, connection=None):
        connection = connection or self.connect()
        headers = {'Authorization': f'Bearer {self.token}', **(headers or {})}
        connection.request(method, path, body, {k: v for k, v in headers.items() if v is not None})
        reply = connection.getresponse()
        return reply.status, reply, reply.read()

    def ask(self, **request):
        status, reply, body = self.send('POST', '/v1/chat/completions', json.dumps(request))
        return status, json.loads(body)

    def good(self, **request):
        status, answer = self.ask(**request)
        assert status == 200, answer
        return answer


def show(image):
    data = base64.b64encode(open(os.path.join(PICTURES, image), 'rb').read()).decode()
    return {'type': 'image_url', 'image_url': {'url': f'data:image/png;base64,{data}'}}


def question(example):
    return [{'role': 'user',
             'content': [show(example['image']), {'type': 'text', 'text': example['question']}]}]


def text_of(answer):
    return answer['choices'][0]['message']['content']


def events_of(body):
    lines = [line for line in body.decode().split('\n\n') if line]
    assert lines[-1] == 'data: [DONE]', lines[-1]
    return [json.loads(line.removeprefix('data: ')) for line in lines[:-1]]


def test_answers(server):
    for example in EXAMPLES[:6]:
        answer = server.good(model='any', messages=question(example))
        assert text_of(answer) == example['answer'], (answer, example)
        assert answer['object'] == 'chat.completion' and answer['model'] == server.model
        choice = answer['choices'][0]
        assert choice['finish_reason'] == 'stop' and choice['message']['role'] == 'assistant'
        usage = answer['usage']
        assert usage['total_tokens'] == usage['prompt_tokens'] + usage['completion_tokens']
        assert 'strata' not in answer
    again = server.good(messages=question(EXAMPLES[5]))
    assert again['usage']['prompt_tokens_details']['cached_tokens'] > 0, again['usage']


def test_streams(server):
    example = EXAMPLES[0]
    status, reply, body = server.send('POST', '/v1/chat/completions', json.dumps(
        {'messages': question(example), 'stream': True,
         'stream_options': {'include_usage': True}}))
    assert status == 200 and reply.getheader('Content-Type') == 'text/event-stream'
    events = events_of(body)
    assert events[0]['choices'][0]['delta']['role'] == 'assistant'
    text = ''.join(e['choices'][0]['delta'].get('content', '') for e in events if e['choices'])
    assert text.strip() == example['answer'], text
    assert [e['choices'][0]['finish_reason'] for e in events[:-1]][-1] == 'stop'
    assert events[-1]['choices'] == [] and events[-1]['usage']['completion_tokens'] > 0
    assert len(events) > 3 and len({e['id'] for e in events}) == 1


def test_stop_and_length(server):
    example = next(e for e in EXAMPLES if len(e['answer'].split()) > 3)
    words = example['answer'].split()
    stop = ' ' + words[2]
    before = example['answer'].split(stop)[0]
    assert text_of(server.good(messages=question(example), stop=stop)) == before
    status, _, body = server.send('POST', '/v1/chat/completions', json.dumps(
        {'messages': question(example), 'stop': ['never', stop], 'stream': True}))
    text = ''.join(e['choices'][0]['delta'].get('content', '') for e in events_of(body))
    assert text == before, text
    short = server.good(messages=question(example), max_tokens=1)
    assert short['choices'][0]['finish_reason'] == 'length'
    assert short['usage']['completion_tokens'] == 1


def test_record(server):
    example = EXAMPLES[0]
    expected = pmodcli.record(pmodcli.DEMO, '--image', os.path.join(PICTURES, example['image']),
                              '--prompt', example['question'])
    answer = server.good(messages=question(example), strata={'record': True, 'records': True})
    record = answer['strata']['record']
    assert record['layers'] == expected['layers']
    assert record['logits_hash'] == expected['logits_hash']
    assert record['kv_cache'] == expected['kv_cache']
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'run.trace')
        with open(path, 'wb') as file:
            file.write(b'PMODTRC1' + base64.b64decode(answer['strata']['records']))
        trace = pmodcli.parse(pmodcli.good('trace', path, '--json').stdout)
    assert trace['runs'][0]['layers'][3]['kept'] == expected['layers'][3]['kept']
    # Streamed, the pieces are the whole.
    _, _, body = server.send('POST', '/v1/chat/completions', json.dumps(
        {'messages': question(example), 'strata': {'records': True}, 'stream': True}))
    pieces = [base64.b64decode(e['strata']['records']) for e in events_of(body)]
    assert len(pieces) > 2 and len(b''.join(pieces)) > 1000
    # Routing of one request's own.
    dense = server.good(messages=question(example), strata={'record': True, 'schedule': 'dense'})
    assert not any(layer['routed'] for layer in dense['strata']['record']['layers'])
    back = server.good(messages=question(example), strata={'record': True})
    assert back['strata']['record']['layers'] == expected['layers']


def test_refused(server):
    hello = json.dumps({'messages': [{'role': 'user', 'content': 'hello'}]})
    path = '/v1/chat/completions'
    for headers, expected in [({'Authorization': None}, 401),
                              ({'Authorization': 'Bearer ' + 'x' * 32}, 401),
                              ({'Authorization': server.token}, 401),
                              ({'Host': 'evil.example'}, 403),
                              ({'Host': 'localhost.evil.example'}, 403)]:
        status, _, body = server.send('POST', path, hello, headers)
        assert status == expected, (headers, status, body)
        assert 'message' in json.loads(body)['error']
    status, _, _ = server.send('GET', '/health', headers={'Authorization': None})
    assert status == 200
    assert server.send('GET', '/v1/models', headers={'Authorization': None})[0] == 401
    status, _, body = server.send('GET', '/v1/models')
    assert json.loads(body)['data'][0]['id'] == server.model
    status, reply, _ = server.send('GET', path)
    assert status == 405 and reply.getheader('Allow') == 'POST'
    assert server.send('GET', '/etc/passwd')[0] == 404


def test_malformed(server):
    user = {'role': 'user', 'content': 'hello'}
    for request, part in [
            ('', 'request'), ('[]', 'object'), ('{"messages":', ''), ('nul', ''),
            ('[' * 100000, 'nested'),
            ({}, 'messages'), ({'messages': []}, 'end'), ({'messages': 'hi'}, 'list'),
            ({'messages': [{'role': 'robot', 'content': 'hi'}]}, 'role'),
            ({'messages': [{'role': 'user'}]}, 'content'),
            ({'messages': [user, user]}, 'messages[1]'),
            ({'messages': [{'role': 'assistant', 'content': 'hi'}]}, 'messages[0]'),
            ({'messages': [user, {'role': 'assistant', 'content': 'hi'}]}, 'end'),
            ({'messages': [{'role': 'user', 'content': [{'type': 'audio'}]}]}, 'messages[0]'),
            ({'messages': [{'role': 'user', 'content': [
                {'type': 'image_url', 'image_url': {'url': 'https://example.com/a.png'}}]}]},
             'not fetched'),
            ({'messages': [{'role': 'user', 'content': [
                {'type': 'image_url', 'image_url': {'url': 'data:image/png;base64,AAAA'}},
                {'type': 'text', 'text': 'hi'}]}]}, 'picture 0'),
            ({'messages': [user], 'temperature': 3}, 'temperature'),
            ({'messages': [user], 'temperature': '1'}, 'temperature'),
            ({'messages': [user], 'max_tokens': 0}, 'max_tokens'),
            ({'messages': [user], 'n': 2}, 'n'),
            ({'messages': [user], 'tools': [{}]}, 'tools'),
            ({'messages': [user], 'stop': ['a'] * 5}, 'stop'),
            ({'messages': [user], 'strata': {'schedule': 'never'}}, 'schedule'),
            ({'messages': [user], 'strata': {'policy': 7}}, 'policy'),
            ({'messages': [{'role': 'user', 'content': 'word ' * 5000}]}, 'tokens')]:
        body = request if isinstance(request, str) else json.dumps(request)
        status, reply, answer = server.send('POST', '/v1/chat/completions', body)
        assert status == 400, (body[:200], status, answer)
        message = json.loads(answer)['error']['message']
        assert part in message, (body[:200], message)
    # What clients send besides is not looked at.
    server.good(messages=[user], user='me', metadata={'a': 1}, tools=[], presence_penalty=0)


def test_system_and_turns(server):
    example = EXAMPLES[0]
    first = question(example)
    turns = first + [{'role': 'assistant', 'content': example['answer']},
                     {'role': 'user', 'content': example['question']}]
    # This model was trained on single questions: earlier turns are left out.
    assert text_of(server.good(messages=turns)) == example['answer']
    # What the model is told before is told as pmod run --system tells it, earlier turns or not.
    told = [{'role': 'system', 'content': 'You describe'}, {'role': 'developer', 'content': 'drawings.'}]
    expected = pmodcli.record(pmodcli.DEMO, '--image', os.path.join(PICTURES, example['image']),
                              '--prompt', example['question'], '--system', 'You describe\ndrawings.')
    for messages in (told + first, told + turns):
        record = server.good(messages=messages, strata={'record': True})['strata']['record']
        assert record['prompt']['token_ids'] == expected['prompt']['token_ids'], record['prompt']
        assert record['logits_hash'] == expected['logits_hash']
    marked = [{'role': 'user', 'content': 'What is <image> here?'}]
    assert server.ask(messages=marked)[0] == 200


def test_oversized():
    with Server('--max-body', '100000') as server:
        big = json.dumps({'messages': [{'role': 'user', 'content': 'x' * 200000}]})
        try:
            status, _, body = server.send('POST', '/v1/chat/completions', big)
            assert status == 413, (status, body)
        except (BrokenPipeError, ConnectionResetError):
            pass  # The answer was lost with the rest of the body.
        # A length that is only claimed: the answer comes without the body.
        with socket.create_connection(('127.0.0.1', server.port), timeout=30) as client:
            client.sendall(f'POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n'
                           f'Authorization: Bearer {server.token}\r\n'
                           f'Content-Length: 99999999999\r\n\r\n'.encode())
            client.sendall(b'x' * 1000)
            time.sleep(0.2)
        # Chunks without end: the connection is cut, or nobody reads from it any more.
        with socket.create_connection(('127.0.0.1', server.port), timeout=5) as client:
            client.sendall(f'POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n'
                           f'Authorization: Bearer {server.token}\r\n'
                           f'Transfer-Encoding: chunked\r\n\r\n'.encode())
            sent = 0
            try:
                while sent < 50_000_000:
                    client.sendall(b'2000\r\n' + b'x' * 0x2000 + b'\r\n')
                    sent += 0x2000
                raise AssertionError(f'{sent} bytes were taken')
            except (BrokenPipeError, ConnectionResetError, TimeoutError):
                assert sent < 5_000_000, sent
        server.good(messages=[{'role': 'user', 'content': 'hello'}])


def test_slow_and_leaving(server):
    path = '/v1/chat/completions'
    example = EXAMPLES[0]
    # One that sends nothing more, and one that does not read, hold nobody up.
    idle = socket.create_connection(('127.0.0.1', server.port), timeout=30)
    idle.sendall(b'POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n')
    deaf = server.connect()
    deaf.request('POST', path, json.dumps({'messages': question(example), 'stream': True}),
                 {'Authorization': f'Bearer {server.token}'})
    for _ in range(3):
        assert text_of(server.good(messages=question(example))) == example['answer']
    # Ten that leave before their answers do not delay the eleventh by their work.
    for _ in range(10):
        gone = server.connect()
        gone.request('POST', path, json.dumps({'messages': question(EXAMPLES[1])}),
                     {'Authorization': f'Bearer {server.token}'})
        gone.close()
    assert text_of(server.good(messages=question(example))) == example['answer']
    idle.close()
    deaf.close()


def test_busy():
    with Server('--max-waiting', '1') as server:
        def ask(_):
            return server.ask(messages=question(EXAMPLES[1]))

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            results = list(pool.map(ask, range(64)))
        statuses = [status for status, _ in results]
        assert set(statuses) <= {200, 503} and 200 in statuses, statuses
        for status, answer in results:
            if status == 200:
                assert text_of(answer) == EXAMPLES[1]['answer']


N_REQUESTS = 1000
N_CLIENTS = 16


def test_thousand(server):
    """None lost, none mixed up."""
    plain = [e for e in EXAMPLES if e['answer']]

    def ask(i):
        example = plain[i % len(plain)]
        answer = server.good(messages=question(example))
        assert text_of(answer) == example['answer'], (i, example, text_of(answer))
        return answer['id']

    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(N_CLIENTS) as pool:
        ids = list(pool.map(ask, range(N_REQUESTS)))
    seconds = time.monotonic() - start
    assert len(set(ids)) == N_REQUESTS
    print(f'# {N_REQUESTS} requests of {N_CLIENTS} clients: {seconds:.1f} s, '
          f'{N_REQUESTS / seconds:.0f} a second')


def test_token_file():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'token')
        with Server('--token-file', path) as server:
            token = server.token
            assert os.stat(path).st_mode & 0o777 == 0o600
        with Server('--token-file', path) as server:
            assert server.token == token
        with open(path, 'w') as file:
            file.write('short\n')
        done = pmodcli.run('serve', pmodcli.DEMO, '--token-file', path)
        assert done.returncode == 1 and '16 characters' in done.stderr, done.stderr
    with Server('--no-token') as server:
        assert server.token == 'none'
        assert server.send('GET', '/v1/models', headers={'Authorization': None})[0] == 200
    done = pmodcli.run('serve', pmodcli.DEMO, '--port', '99999')
    assert done.returncode == 2 and '--port' in done.stderr
    done = pmodcli.run('serve', 'no-such-model')
    assert done.returncode == 1


def test_port_in_use(server):
    done = pmodcli.run('serve', pmodcli.DEMO, '--port', str(server.port))
    assert done.returncode == 1 and str(server.port) in done.stderr, done.stderr


def main():
    with Server() as server:
        for test in (test_answers, test_streams, test_stop_and_length, test_record, test_refused,
                     test_malformed, test_system_and_turns, test_slow_and_leaving,
                     test_port_in_use, test_thousand):
            test(server)
            print('ok', test.__name__, flush=True)
    for test in (test_oversized, test_busy, test_token_file):
        test()
        print('ok', test.__name__, flush=True)


if __name__ == '__main__':
    main()
