"""pmod pull against a server that does what servers do: see hubserver.py. After each kind of
mischief: the exit code, one line that says what, and what is in the folder."""

import glob
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import hubserver
from hubserver import STAY, Hub, Repo
from pmodcli import PMOD, TINY, check_sane, fixture, main

TOWER = 'model.vision_tower.vision_tower.vision_model.post_layernorm.weight'
NAME = 'maker/tiny'
BIG = 3 * 1000 * 1000
RANDOM = random.Random(7)
SHARDS = {f'model-0000{i}-of-00002.safetensors': RANDOM.randbytes(BIG) for i in (1, 2)}
SHARD = 'model-00001-of-00002.safetensors'


def checkpoint(tower='openai/clip-tiny', inside=True, **more):
    """The files of a repository, whose weights are noise: pulling does not read them."""
    weights = {'model.norm.weight': SHARD,
               (TOWER if inside else 'lm_head.weight'): 'model-00002-of-00002.safetensors'}
    files = {
        'config.json': json.dumps({'model_type': 'pmod_llava_llama', 'mm_vision_tower': tower}),
        'model.safetensors.index.json': json.dumps({'weight_map': weights}),
        'tokenizer.model': b'pieces' * 300, 'tokenizer_config.json': '{}',
        'README.md': '# A card', 'pytorch_model.bin': b'pickle' * 1000,
        'training_args.bin': b'no', **SHARDS, **more}
    return {path: data.encode() if isinstance(data, str) else data
            for path, data in files.items() if data is not None}


def repo_of(folder, **more):
    files = {}
    for path in glob.glob(os.path.join(folder, '*')):
        with open(path, 'rb') as file:
            files[os.path.basename(path)] = file.read()
    return Repo(files | more)


class Home:
    """A user's data directory, which is empty at first."""

    def __init__(self, **environment):
        self.path = tempfile.mkdtemp(prefix='pmod-pull-')
        self.environment = {key: value for key, value in os.environ.items()
                            if not key.lower().endswith('_proxy') and not key.startswith('HF_')}
        self.environment |= {'XDG_DATA_HOME': self.path, **environment}
        self.model = os.path.join(self.path, 'strata/models/tiny')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path)

    def start(self, *args, **keywords):
        return subprocess.Popen([PMOD, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                env=self.environment, **keywords)

    def pmod(self, *args, code=0, part='', **keywords):
        """Runs it; part: what the one line on standard error says, or what stands in the output."""
        process = self.start(*args, **keywords)
        out, err = (text.decode() for text in process.communicate(timeout=100))
        check_sane(args, process.returncode, err)
        assert process.returncode == code, (args, process.returncode, err, out)
        if code:
            assert err.count('\n') == 1 and part in err, (part, err)
        else:
            assert part in out, (part, out)
        return out + err

    def pull(self, hub, *args, **keywords):
        self.environment['HF_ENDPOINT'] = hub.url
        return self.pmod('pull', NAME, *args, **keywords)

    def files(self):
        found = {}
        for folder, _, names in os.walk(self.model):
            for name in names:
                path = os.path.join(folder, name)
                with open(path, 'rb') as file:
                    found[os.path.relpath(path, self.model)] = file.read()
        found.pop('.strata-pull.lock', None)
        return found

    def check_complete(self, expected):
        found = self.files()
        manifest = json.loads(found.pop('strata-manifest.json'))
        assert found == expected, (found.keys(), expected.keys())
        for entry in manifest['files']:
            data = expected[entry['path']]
            if 'sha256' in entry:
                assert entry['sha256'] == hashlib.sha256(data).hexdigest()
            assert entry['size'] == len(data)

    def check_unfinished(self):
        """Nobody takes this for a model, and nothing is in its place."""
        assert all(name.endswith('.part') for name in self.files()), self.files().keys()
        assert 'tiny' not in self.pmod('info'), 'an unfinished model is listed'

    def parts(self, name=SHARD):
        return glob.glob(os.path.join(glob.escape(self.model), name + '.*.part'))


def needed(files, *names):
    names = names or ('config.json', 'model.safetensors.index.json', 'tokenizer.model',
                      'tokenizer_config.json', 'README.md', *SHARDS)
    return {name: files[name] for name in names}


def with_hub(function):
    """A test that wants a server with one repository, and a home."""
    def test():
        files = checkpoint()
        with Hub({NAME: Repo(files)}) as hub, Home() as home:
            function(hub, home, needed(files))
    test.__name__ = function.__name__
    return test


# --- As it should be -----------------------------------------------------------------------------

@with_hub
def test_whole(hub, home, files):
    """What is needed arrives, nothing else is asked for, and a second time nothing is sent."""
    out = home.pull(hub, part='complete, every hash is right')
    assert 'not needed: 2 more, 6.00 kB' in out, out
    home.check_complete(files)
    asked = {request.path.rsplit('/', 1)[1] for request in hub.requests()}
    assert asked == set(files), asked
    assert not any('Authorization' in request.headers for request in hub.log)
    hub.log.clear()
    home.pull(hub, part='0 B to download')
    home.check_complete(files)
    assert {request.path.rsplit('/', 1)[1] for request in hub.requests()} <= {
        'config.json', 'model.safetensors.index.json'}, 'files were fetched again'


def test_used():
    """A real checkpoint answers after the pull as before it, by its name."""
    asked = ('--prompt', 'red', '--max-new-tokens', '3', '--threads', '1')
    tower = repo_of(fixture('tiny-clip-336')).files
    repo = repo_of(TINY, **{'tiny-clip-336/' + name: data for name, data in tower.items()})
    with Hub({NAME: repo}, page=3) as hub, Home() as home:
        home.pull(hub, '--dry-run', part='free')
        assert not os.path.exists(home.model) and not os.listdir(home.path)
        home.pull(hub)
        assert home.pmod('run', 'tiny', *asked) == home.pmod('run', TINY, *asked)
        home.pmod('info', part='tiny ')
        assert len(hub.requests('/tree/')) > 2, 'no pages'


def test_revision():
    with Hub({NAME: Repo(checkpoint())}) as hub, Home() as home:
        home.environment['HF_ENDPOINT'] = hub.url
        home.pmod('pull', NAME + '@v1', '--to', home.path + '/there', part='complete')
        assert os.path.exists(home.path + '/there/config.json')
        home.pmod('pull', NAME + '@v2', code=1, part='maker/tiny@v2: not found on 127.0.0.1 (404)')


@with_hub
def test_newer_version(hub, home, files):
    """Replaces the older one only when all of it is there; files that it has no longer go."""
    home.pull(hub)
    newer = checkpoint(**{'README.md': None, SHARD: RANDOM.randbytes(BIG)})
    hub.repos[NAME] = Repo(newer, commit='3' * 40)
    hub.fault(SHARD, hubserver.status(404), STAY)
    home.pull(hub, code=1, part='not found')
    assert {name: data for name, data in home.files().items() if name in files} == files
    home.pmod('pull', 'tiny', '--check', part='all 7 files')
    hub.faults.clear()
    home.pull(hub)
    home.check_complete(needed(newer, *(name for name in files if name != 'README.md')))


def test_towers():
    """Outside: from a folder of the repository, or from a repository of its own."""
    clip = repo_of(fixture('tiny-clip-336'))
    inner = {'tower/' + name: data for name, data in clip.files.items()}
    wanted = {'config.json', 'model.safetensors', 'preprocessor_config.json'}
    with Hub({NAME: Repo(checkpoint('./tower', False, **inner)), 'openai/clip-tiny': clip}) as hub:
        with Home() as home:
            home.pull(hub)
            assert {name for name in home.files() if name.startswith('tower/')} == {
                'tower/' + name for name in wanted}
        hub.repos[NAME] = Repo(checkpoint(inside=False))
        with Home() as home:
            home.pull(hub)
            found = home.files()
            assert {name[17:] for name in found if name.startswith('openai/clip-tiny/')} == wanted
            home.pmod('pull', NAME, '--check', part='all 10 files')
        with Home() as home:
            home.pull(hub, '--tower', 'none')
            home.check_complete(needed(hub.repos[NAME].files))
        del clip.files['model.safetensors']
        with Home() as home:
            home.pull(hub, code=1, part='only pickle files (.bin), which can run code')
            home.pull(hub, '--tower', 'other/tower', code=1, part='other/tower@main: not found')
            assert not os.path.exists(home.model)


# --- What breaks ---------------------------------------------------------------------------------

@with_hub
def test_drops(hub, home, files):
    """A connection that breaks is taken up where it broke; each byte is sent once."""
    hub.fault(SHARD, hubserver.drop_after(1000 * 1000), hubserver.drop_at_once,
              hubserver.drop_after(500 * 1000))
    home.pull(hub)
    home.check_complete(files)
    ranges = [request.headers.get('Range') for request in hub.requests(SHARD)]
    assert ranges[0] is None and ranges[-1] == 'bytes=1500000-', ranges


@with_hub
def test_drops_for_ever(hub, home, files):
    """It gives up after some attempts that bring nothing, and the next run goes on."""
    hub.fault(SHARD, hubserver.drop_after(1000 * 1000), hubserver.drop_at_once,
              hubserver.drop_at_once, hubserver.drop_at_once, hubserver.drop_at_once,
              hubserver.drop_at_once)
    home.pull(hub, code=1, part=f'{NAME}: {SHARD}: no answer from 127.0.0.1: ')
    home.check_unfinished()
    hub.log.clear()
    hub.faults.clear()
    home.pull(hub)
    home.check_complete(files)
    assert hub.requests(SHARD)[0].headers['Range'] == 'bytes=1000000-'


@with_hub
def test_no_range(hub, home, files):
    """Where the server cannot continue a file it is begun anew."""
    hub.fault(SHARD, hubserver.drop_after(1000), hubserver.send(lambda data: data), STAY)
    home.pull(hub)
    home.check_complete(files)


@with_hub
def test_wrong_range(hub, home, files):
    hub.fault(SHARD, hubserver.drop_after(1000 * 1000), hubserver.wrong_range, STAY)
    home.pull(hub, code=1, part='expected the bytes from 1000000 on, the server sends others')
    home.check_unfinished()


@with_hub
def test_lengths(hub, home, files):
    """Too short, too long, with and without saying so: refused, and said with both numbers."""
    cases = [
        (hubserver.send(lambda data: data[:-1]), 'offers 2999999'),
        (hubserver.send(lambda data: data + b'x'), 'offers 3000001'),
        (hubserver.send(lambda data: data, claim=2999999), 'offers 2999999'),
        (hubserver.send(lambda data: data, claim=3000001), 'offers 3000001'),
        (hubserver.without_length(lambda data: data + b'x'), 'sends at least 3000001'),
        (hubserver.without_length(lambda data: data * 3), 'sends at least'),
        (hubserver.send(lambda data: b'<html>Please log in</html>'), 'offers 26'),
    ]
    for fault, part in cases:
        hub.fault(SHARD, fault, STAY)
        home.pull(hub, code=1, part=part)
        home.check_unfinished()
    hub.fault(SHARD, hubserver.without_length(lambda data: data[:-1]))
    home.pull(hub)
    home.check_complete(files)


@with_hub
def test_wrong_bytes(hub, home, files):
    """Thrown away. Bytes that were joined from two attempts are fetched anew once, not for ever."""
    flipped = hubserver.send(lambda data: data[:-1] + bytes([data[-1] ^ 1]))
    hub.fault(SHARD, flipped, STAY)
    home.pull(hub, code=1, part=f'{SHARD}: expected SHA-256 {hashlib.sha256(files[SHARD]).hexdigest()}')
    home.check_unfinished()
    assert not home.parts(), 'wrong bytes were kept'
    assert len(hub.requests(SHARD)) == 1
    hub.log.clear()
    hub.fault('README.md', hubserver.send(lambda data: data[::-1]), STAY)
    hub.faults.pop(SHARD)
    home.pull(hub, code=1, part="README.md: expected Git's SHA-1")
    hub.faults.clear()
    hub.log.clear()
    part = os.path.join(home.model, f'{SHARD}.{hashlib.sha256(files[SHARD]).hexdigest()[:16]}.part')
    with open(part, 'wb') as file:
        file.write(b'what somebody else wrote')
    home.pull(hub)
    home.check_complete(files)
    assert [request.headers.get('Range') for request in hub.requests(SHARD)] == ['bytes=24-', None]
    shutil.rmtree(home.model)
    hub.fault('README.md', hubserver.drop_at_once, STAY)
    home.pull(hub, code=1, part='README.md: no answer')
    with open(part, 'r+b') as file:
        file.write(b'damage in what was complete')
    hub.faults.clear()
    home.pull(hub)
    home.check_complete(files)


@with_hub
def test_compressed(hub, home, _):
    hub.fault(SHARD, hubserver.status(200, Content_Encoding='gzip'), STAY)
    home.pull(hub, code=1, part='127.0.0.1 compresses them unasked')
    home.check_unfinished()


@with_hub
def test_wrong_config(hub, home, files):
    """What is read while planning is compared, too."""
    hub.fault('config.json', hubserver.send(lambda data: data + b' '), STAY)
    home.pull(hub, code=1, part="config.json: expected")
    assert not os.path.exists(home.model)


def test_statuses():
    for code, part in ((401, 'it wants a token (HF_TOKEN)'), (403, 'it wants a token (HF_TOKEN)'),
                       (404, 'not found on 127.0.0.1 (404)'), (410, 'got status 410')):
        for path in ('revision', 'tree', SHARD):
            with Hub({NAME: Repo(checkpoint())}) as hub, Home() as home:
                hub.fault(path, hubserver.status(code), STAY)
                home.pull(hub, code=1, part=part)
                assert len(hub.requests(path)) == 1, 'asked again in vain'
    with Hub({NAME: Repo(checkpoint())}) as hub, Home(HF_TOKEN='hf_secret') as home:
        hub.fault('revision', hubserver.status(401), STAY)
        out = home.pull(hub, code=1, part='the token in HF_TOKEN may not read it')
        assert 'hf_secret' not in out
        assert hub.log[0].headers['Authorization'] == 'Bearer hf_secret'


@with_hub
def test_busy_server(hub, home, files):
    """429 and 500: waits as long as asked, a few times."""
    hub.fault('revision', hubserver.status(429, Retry_After='1'))
    hub.fault(SHARD, hubserver.status(503), hubserver.status(500))
    begin = time.monotonic()
    home.pull(hub)
    assert time.monotonic() - begin > 1.2
    home.check_complete(files)
    shutil.rmtree(home.model)
    hub.fault(SHARD, hubserver.status(500), STAY)
    hub.log.clear()
    home.pull(hub, code=1, part='got status 500')
    assert len(hub.requests(SHARD)) == 5


def test_no_server():
    with Hub() as hub:
        url = hub.url
    with Home(HF_ENDPOINT=url) as home:
        home.pmod('pull', NAME, code=1, part='no answer from 127.0.0.1')
        home.pmod('pull', NAME, '--mirror', 'ftp://a/', code=2, part='expected https://HOST')
        home.pmod('pull', NAME, '--mirror', 'https://u:p@a/', code=2, part='without a name and')
        home.environment['HF_ENDPOINT'] = 'http://models.invalid'
        home.pmod('pull', NAME, code=2, part='expected https (or http given by --mirror)')


# --- Redirects, tokens, proxies ------------------------------------------------------------------

@with_hub
def test_redirects(hub, home, files):
    """To another host, as real servers do: the file comes, the token does not go along."""
    with Hub() as other:
        other.elsewhere = {'store': files[SHARD]}
        hub.fault(SHARD, hubserver.drop_after(1000 * 1000),
                  hubserver.redirect(other.url + '/elsewhere/store'), STAY)
        home.environment['HF_TOKEN'] = 'hf_secret'
        home.pull(hub)
        home.check_complete(files)
        assert len(other.log) == 1 and other.log[0].headers['Range'] == 'bytes=1000000-'
        assert 'Authorization' not in other.log[0].headers
        assert all(r.headers['Authorization'] == 'Bearer hf_secret' for r in hub.log)


@with_hub
def test_bad_redirects(hub, home, files):
    for url, part in ((f'/{NAME}/resolve/{"1" * 40}/{SHARD}', 'redirects in a circle'),
                      ('http://192.0.2.1/x', '192.0.2.1 without encryption, which is not followed'),
                      ('file:///etc/passwd', 'redirects to no https address'),
                      ('javascript:0', 'redirects to no https address'),
                      ('', 'redirects')):
        hub.fault(SHARD, hubserver.redirect(url), STAY)
        home.pull(hub, code=1, part=part)
        home.check_unfinished()


@with_hub
def test_next_page_elsewhere(hub, home, _):
    """The list is never continued on another host, where a token would go."""
    def page(request, _):
        request.reply(b'[]', headers={'Link': '<https://192.0.2.1/api>; rel="next"'})
    hub.fault('tree', page, STAY)
    home.pull(hub, code=1, part='expected an address on 127.0.0.1, got one elsewhere')


@with_hub
def test_proxy(hub, home, files):
    """The environment's proxy is used, but not for this machine or what NO_PROXY names."""
    seen = []

    def proxied(request, _=None):
        seen.append(request.path)
        request.reply(b'', 502)

    with Hub() as proxy:
        proxy.take_fault = None
        proxy.server.RequestHandlerClass.do_GET = proxied
        home.environment['http_proxy'] = proxy.url
        home.pull(hub)
        assert not seen
        home.pmod('pull', NAME, '--mirror', 'http://models.invalid', '--to', home.path + '/x',
                  code=1, part='got status 502')
        assert len(seen) == 5 and seen[0].startswith('http://models.invalid/api/'), seen
        home.environment['NO_PROXY'] = 'models.invalid'
        home.pmod('pull', NAME, '--mirror', 'http://models.invalid', '--to', home.path + '/x',
                  code=1, part='no answer from models.invalid')
        assert len(seen) == 5


# --- Names, lists, disk ---------------------------------------------------------------------------

def test_hostile_names():
    """Nothing is written outside of the folder, whatever a server lists."""
    index = 'model.safetensors.index.json'
    for name in ('../evil.safetensors', '/tmp/evil.safetensors', 'a/b.safetensors', '.safetensors',
                 '..', 'x\n.safetensors', 'x\u202e.safetensors', '-x.safetensors', ''):
        files = checkpoint(**{index: json.dumps({'weight_map': {'a': name}})})
        with Hub({NAME: Repo(files | {name: b'evil'})}) as hub, Home() as home:
            home.pull(hub, code=1, part='expected plain names')
            assert not os.path.exists(home.model)
    listed = checkpoint(**{'../README.md': b'evil', '/tmp/x': b'evil', 'a/../../x': b'evil'})
    with Hub({NAME: Repo(listed)}) as hub, Home() as home:
        home.pull(hub)
        home.check_complete(needed(listed))
        assert os.listdir(home.path) == ['strata']
    for tower in ('../../tower', '/data/clip', 'a/b/c', 'clip', 'a/..', '.', ''):
        with Hub({NAME: Repo(checkpoint(tower, False))}) as hub, Home() as home:
            home.pull(hub, code=1, part='the vision tower')
    for repo in ('tiny', '../x', 'a/../b', 'a/b/c', 'a/.b', '/a', 'a/b@', 'a/b@../c', 'a/b@-x', ''):
        with Home(HF_ENDPOINT='http://127.0.0.1:1') as home:
            home.pmod('pull', repo, code=2)


def test_hostile_links():
    """A link in the folder leads nobody out of it."""
    clip = repo_of(fixture('tiny-clip-336'))
    repos = {NAME: Repo(checkpoint(inside=False)), 'openai/clip-tiny': clip}
    with Hub(repos) as hub, Home() as home:
        home.pull(hub)
        outside = os.path.join(home.path, 'outside')
        os.mkdir(outside)
        shutil.rmtree(os.path.join(home.model, 'openai'))
        os.symlink(outside, os.path.join(home.model, 'openai'))
        home.pull(hub, code=1, part='expected a folder, got a link or a file')
        assert not os.listdir(outside)


def test_hostile_lists():
    for answer in (b'', b'not json', b'[' * 200000, b'{"a":' * 200000, b'"text"', b'{}', b'\xff',
                   b'null', json.dumps([{'type': 'file', 'path': 'config.json'}]).encode(),
                   json.dumps([{'type': 'file', 'path': 'config.json', 'size': -1,
                                'oid': '1' * 40}]).encode()):
        for path in ('revision', 'tree'):
            with Hub({NAME: Repo(checkpoint())}) as hub, Home() as home:
                hub.fault(path, lambda request, _, a=answer: request.reply(a), STAY)
                home.pull(hub, code=1, part='expected')
    for name in ('config.json', 'tokenizer.model', 'model.safetensors.index.json', SHARD):
        with Hub({NAME: Repo(checkpoint(**{name: None}))}) as hub, Home() as home:
            home.pull(hub, code=1)
    with Hub({NAME: Repo(checkpoint(**{'config.json': '[]'}))}) as hub, Home() as home:
        home.pull(hub, code=1, part='expected a JSON object')


def test_too_large():
    """Refused with the sum before anything of the weights is asked for."""
    repo = Repo(checkpoint())
    repo.changes[SHARD] = {'lfs': {'oid': '4' * 64, 'size': 10 ** 15}}
    with Hub({NAME: repo}) as hub, Home() as home:
        out = home.pull(hub, code=1, part='does not fit: 1.00 PB to write and 64 MB to spare, ')
        assert ' too little' in out and not hub.requests(SHARD)
    repo.changes[SHARD] = {'lfs': {'oid': '4' * 64, 'size': 2 ** 63 - 1}}
    repo.changes['tokenizer.model'] = {'lfs': {'oid': '4' * 64, 'size': 2 ** 63 - 1}}
    repo.changes['model-00002-of-00002.safetensors'] = repo.changes[SHARD]
    with Hub({NAME: repo}) as hub, Home() as home:
        home.pull(hub, code=1, part='does not fit')


@with_hub
def test_full_disk(hub, home, files):
    """A limit of the file size stands for a disk that is full after the sum was made."""
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000 * 1000, 1000 * 1000))
    home.pull(hub, code=1, part='.part: cannot write: File too large; what is there stays',
              preexec_fn=limit)
    home.check_unfinished()
    home.pull(hub)
    home.check_complete(files)


def test_really_full_disk():
    """The same on a small disk of its own, where this user may make one."""
    with Hub({NAME: Repo(checkpoint())}) as hub, Home() as home:
        disk = os.path.join(home.path, 'disk')
        os.mkdir(disk)
        script = (f'mount -t tmpfs -o size=70m small {disk} || exit 9; '
                  f'(sleep 0.5; dd if=/dev/zero of={disk}/fill bs=1M 2>/dev/null) & '
                  f'exec {PMOD} pull {NAME} --to {disk}/m')
        hub.fault(SHARD, hubserver.slow(3), STAY)
        home.environment['HF_ENDPOINT'] = hub.url
        done = subprocess.run(['unshare', '-Urm', 'sh', '-c', script], env=home.environment,
                              capture_output=True, text=True, timeout=100, check=False)
        if done.returncode not in (0, 1):
            print('  not done:', done.stderr.strip())
            return
        assert done.returncode == 1, done
        assert 'cannot write: No space left on device; what is there stays' in done.stderr, done


# --- Stopped, and two at once ---------------------------------------------------------------------

def wait_for_bytes(home, process, count):
    end = time.monotonic() + 30
    while time.monotonic() < end and process.poll() is None:
        if any(os.path.getsize(part) >= count for part in home.parts()):
            return
        time.sleep(0.01)
    raise AssertionError('nothing was downloaded')


@with_hub
def test_stopped(hub, home, files):
    """Control-C says so, kill -9 says nothing, and both leave what was there to go on from."""
    home.environment['HF_ENDPOINT'] = hub.url
    for number, code in ((signal.SIGINT, 1), (signal.SIGKILL, -9), (signal.SIGTERM, 1),
                         (signal.SIGKILL, -9)):
        hub.fault(SHARD, hubserver.slow(4), STAY)
        before = max((os.path.getsize(part) for part in home.parts()), default=0)
        process = home.start('pull', NAME)
        wait_for_bytes(home, process, before + 100 * 1000)
        process.send_signal(number)
        begin = time.monotonic()
        _, err = process.communicate(timeout=30)
        assert process.returncode == code, (process.returncode, err)
        assert time.monotonic() - begin < 1, 'took long to stop'
        if code == 1:
            assert err.decode() == ('pmod pull: stopped; what is there stays, and the same command '
                                    'goes on from it\n'), err
        home.check_unfinished()
    hub.faults.clear()
    kept = os.path.getsize(home.parts()[0])
    assert kept > 400 * 1000
    hub.log.clear()
    home.pull(hub)
    home.check_complete(files)
    assert [r.headers['Range'] for r in hub.requests(SHARD)] == [f'bytes={kept}-']


@with_hub
def test_kill_at_random(hub, home, files):
    """At any moment, the last steps included: afterwards all of it or none, and then all."""
    home.environment['HF_ENDPOINT'] = hub.url
    begin = time.monotonic()
    home.pull(hub)
    usual = time.monotonic() - begin
    shutil.rmtree(home.model)
    rounds = finished = 0
    for i in range(40):
        process = home.start('pull', NAME)
        time.sleep(usual * i / 35)
        process.kill()
        process.communicate()
        rounds += 1
        found = home.files()
        if 'config.json' in found:
            finished += 1
            assert all(found[name] == files[name] for name in files)
            shutil.rmtree(home.model)
    home.pull(hub)
    home.check_complete(files)
    print(f'  {rounds} rounds of up to {usual * 39 / 35:.2f} s, {finished} of them finished')


@with_hub
def test_two_at_once(hub, home, files):
    home.environment['HF_ENDPOINT'] = hub.url
    hub.fault(SHARD, hubserver.slow(2), STAY)
    first = home.start('pull', NAME)
    wait_for_bytes(home, first, 1)
    home.pull(hub, code=1, part='another program is pulling into this folder')
    assert first.communicate(timeout=60) and first.returncode == 0
    home.check_complete(files)


@with_hub
def test_other_folders(hub, home, files):
    """Somebody else's files are left alone."""
    there = os.path.join(home.path, 'mine')
    os.mkdir(there)
    with open(os.path.join(there, 'config.json'), 'w', encoding='utf-8') as file:
        file.write('mine')
    home.pull(hub, '--to', there, code=1, part='that holds other files; name another with --to')
    assert os.listdir(there) == ['config.json']
    # What a pull leaves that was killed while it noted what it is to do.
    os.makedirs(home.model)
    with open(os.path.join(home.model, 'strata-manifest.json.part.X1Y2Z3'), 'wb'):
        pass
    home.pull(hub)
    home.check_complete(files)
    hub.repos['other/tiny'] = hub.repos[NAME]
    home.pmod('pull', 'other/tiny', code=1, part='got one that holds maker/tiny')
    home.check_complete(files)


# --- Check and repair -----------------------------------------------------------------------------

@with_hub
def test_check_and_repair(hub, home, files):
    """Finds each kind of damage without a server, and mends just that."""
    home.pull(hub)
    home.pmod('pull', 'tiny', '--check', part='all 7 files are as maker/tiny has them')
    hub.log.clear()
    path = os.path.join(home.model, SHARD)
    with open(path, 'r+b') as file:
        file.seek(1234567)
        byte = file.read(1)
        file.seek(1234567)
        file.write(bytes([byte[0] ^ 4]))
    os.truncate(os.path.join(home.model, 'tokenizer.model'), 3)
    os.remove(os.path.join(home.model, 'README.md'))
    for name in ('tiny', NAME):
        out = home.pmod('pull', name, '--check', code=1, part='got 3 that are missing or wrong')
        assert 'README.md: missing\n' in out and f'{SHARD}: expected SHA-256' in out, out
        assert 'tokenizer.model: expected 1800 bytes, got 3\n' in out, out
    assert not hub.log, 'a check asked the server'
    home.pmod('pull', 'tiny', '--repair', part='complete')
    home.check_complete(files)
    assert {r.path.rsplit('/', 1)[1] for r in hub.log} == {SHARD, 'tokenizer.model', 'README.md'}
    home.pmod('pull', 'tiny', '--check')
    home.pmod('pull', 'nothing', '--check', code=1, part='without strata-manifest.json')


@with_hub
def test_hostile_manifest(hub, home, _):
    """A folder may come from anybody: its manifest writes nowhere else, and names no server."""
    home.pull(hub)
    path = os.path.join(home.model, 'strata-manifest.json')
    with open(path, encoding='utf-8') as file:
        good = json.load(file)
    for key, value in (('path', '../../evil'), ('path', '/tmp/evil'), ('commit', '../x'),
                       ('remote', '../../api'), ('repository', '..'), ('size', -5),
                       ('sha256', 'x'), ('path', None)):
        bad = json.loads(json.dumps(good))
        bad['files'][0][key] = value
        with open(path, 'w', encoding='utf-8') as file:
            json.dump(bad, file)
        home.pmod('pull', 'tiny', '--repair', code=1, part='expected what a pull notes')
    with open(path, 'w', encoding='utf-8') as file:
        file.write('[' * 100000)
    home.pmod('pull', 'tiny', '--check', code=1, part='expected JSON')


def test_usage():
    with Home() as home:
        home.pmod('pull', code=2, part='expected a repository, OWNER/NAME, got nothing')
        home.pmod('pull', 'a/b', '--check', '--repair', code=2, part='got both')
        home.pmod('pull', 'a/b', '--check', '--tower', 'none', code=2, part='--tower')


ONLY = sys.argv[1:]
main([test for name, test in list(globals().items())
      if name.startswith('test_') and (not ONLY or name in ONLY)])
