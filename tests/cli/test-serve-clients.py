"""pmod serve and clients that others wrote: curl, many at once, and npm's openai package.

    test-serve-clients.py [REQUESTS]     96 where not given; 1000 to measure
"""

import concurrent.futures
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import pmodcli

HERE = pathlib.Path(__file__).parent
spec = importlib.util.spec_from_file_location('serve', HERE / 'test-serve.py')
serve = importlib.util.module_from_spec(spec)
spec.loader.exec_module(serve)

N_CLIENTS = 16


def test_curl(server, n_requests):
    """None lost, none mixed up: every answer is its own question's, every id another one."""
    examples = [e for e in serve.EXAMPLES if e['answer']]
    with tempfile.TemporaryDirectory() as folder:
        for i, example in enumerate(examples):
            with open(os.path.join(folder, f'{i}.json'), 'w') as file:
                json.dump({'messages': serve.question(example)}, file)

        def ask(n):
            i = n % len(examples)
            done = subprocess.run(
                ['curl', '--silent', '--show-error', '--max-time', '120', '--noproxy', '*',
                 '-H', f'Authorization: Bearer {server.token}', '-H', 'Content-Type: application/json',
                 '--data-binary', f'@{folder}/{i}.json',
                 f'http://127.0.0.1:{server.port}/v1/chat/completions'],
                capture_output=True, text=True)
            assert done.returncode == 0, (n, done.returncode, done.stderr)
            answer = json.loads(done.stdout)
            assert serve.text_of(answer) == examples[i]['answer'], (n, answer, examples[i])
            return answer['id']

        start = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(N_CLIENTS) as pool:
            ids = list(pool.map(ask, range(n_requests)))
        seconds = time.monotonic() - start
    assert len(set(ids)) == n_requests
    print(f'# {n_requests} requests by curl from {N_CLIENTS} clients: {seconds:.1f} s, '
          f'{n_requests / seconds:.0f} a second')


def test_openai(server):
    node = shutil.which('node')
    if not node:
        return 'node is not installed'
    example = next(e for e in serve.EXAMPLES if e['answer'])
    done = subprocess.run(
        [node, HERE / 'openai-client.mjs', f'http://127.0.0.1:{server.port}/v1', server.token,
         os.path.join(serve.PICTURES, example['image']), example['question'], example['answer']],
        capture_output=True, text=True, timeout=120)
    sys.stdout.write(done.stdout if done.returncode == 0 else "")
    assert done.returncode in (0, 77), done.stderr
    return done.stdout.strip() if done.returncode == 77 else None


def main():
    n_requests = int(sys.argv[1]) if len(sys.argv) > 1 else 96
    skipped = []
    with serve.Server() as server:
        if shutil.which('curl'):
            test_curl(server, n_requests)
            print('ok test_curl', flush=True)
        else:
            skipped.append('curl is not installed')
        reason = test_openai(server)
        if reason:
            skipped.append(reason)
        else:
            print('ok test_openai', flush=True)
    for reason in skipped:
        print(reason if reason.startswith('skipped') else f'skipped: {reason}')
    if len(skipped) == 2:
        sys.exit(77)


if __name__ == '__main__':
    main()
