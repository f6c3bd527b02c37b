"""A server with the shape of Hugging Face's, on loopback, that can be told to misbehave.

Not a test itself. A Hub has repositories (Repo); every request is noted in Hub.log. Hub.faults maps
the path of a file to a list of functions, one of which is taken for each request and answers it in
place of the ordinary answer; the last one stays when STAY stands behind it.
"""

import hashlib
import http.server
import json
import threading
import types
import urllib.parse

STAY = 'stay'


class Repo:
    """files: path -> bytes. Those of over 1000 bytes are given with SHA-256, as LFS has it."""

    def __init__(self, files, commit='1' * 40):
        self.files = dict(files)
        self.commit = commit
        self.changes = {}  # path -> what to change in its entry of the list

    def entry(self, path):
        data = self.files[path]
        value = {'type': 'file', 'path': path, 'size': len(data),
                 'oid': hashlib.sha1(b'blob %d\0' % len(data) + data).hexdigest()}
        if len(data) > 1000:
            pointer = hashlib.sha1(b'a pointer file').hexdigest()
            value |= {'oid': pointer,
                      'lfs': {'oid': hashlib.sha256(data).hexdigest(), 'size': len(data),
                              'pointerSize': 134}}
        return value | self.changes.get(path, {})

    def listing(self):
        return [{'type': 'directory', 'path': 'folder', 'oid': '2' * 40, 'size': 0},
                *(self.entry(path) for path in self.files)]


class Hub:
    def __init__(self, repos=None, page=1000):
        self.repos = repos or {}
        self.faults = {}
        self.log = []
        self.page = page
        self.lock = threading.Lock()
        hub = self

        class Handler(Request):
            def __init__(self, *args):
                self.hub = hub
                super().__init__(*args)

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # a client that went away
        self.url = f'http://127.0.0.1:{self.server.server_address[1]}'
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def fault(self, path, *functions):
        self.faults[path] = list(functions)

    def take_fault(self, path):
        with self.lock:
            left = self.faults.get(path)
            if not left:
                return None
            if left[1:] == [STAY]:
                return left[0]
            return left.pop(0)

    def requests(self, part='/resolve/'):
        return [request for request in self.log if part in request.path]


class Request(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_):
        pass

    def do_GET(self):
        # One of these serves every request of a connection.
        self.hub.log.append(types.SimpleNamespace(path=self.path, headers=self.headers))
        path, _, query = urllib.parse.unquote(self.path).partition('?')
        try:
            self.answer(path.split('/')[1:], query)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def answer(self, parts, query):
        if parts[:2] == ['api', 'models'] and len(parts) > 5:
            repo = self.hub.repos.get('/'.join(parts[2:4]))
            fault = self.hub.take_fault(parts[4])
            if fault:
                fault(self, b'')
            elif repo and parts[4] == 'revision' and parts[5:] in (['main'], ['v1'], [repo.commit]):
                self.reply(json.dumps({'id': '/'.join(parts[2:4]), 'sha': repo.commit}).encode())
            elif repo and parts[4] == 'tree' and parts[5] == repo.commit:
                self.tree(repo, query)
            else:
                self.reply(b'{"error": "no such thing"}', 404)
            return
        repo = self.hub.repos.get('/'.join(parts[:2]))
        if repo and len(parts) > 4 and parts[2] == 'resolve' and parts[3] == repo.commit:
            self.resolve(repo, '/'.join(parts[4:]))
        elif parts[0] == 'elsewhere' and '/'.join(parts[1:]) in self.hub.elsewhere:
            self.file(self.hub.elsewhere['/'.join(parts[1:])])
        else:
            self.reply(b'not found', 404)

    def tree(self, repo, query):
        entries = repo.listing()
        start = int(urllib.parse.parse_qs(query).get('cursor', ['0'])[0])
        headers = {}
        if start + self.hub.page < len(entries):
            path = self.path.partition('?')[0]
            headers['Link'] = (f'<{self.hub.url}{path}?recursive=true&cursor='
                               f'{start + self.hub.page}>; rel="next"')
        self.reply(json.dumps(entries[start:start + self.hub.page]).encode(), headers=headers)

    def resolve(self, repo, path):
        fault = self.hub.take_fault(path)
        if path not in repo.files:
            self.reply(b'no such file', 404)
        elif fault:
            fault(self, repo.files[path])
        else:
            self.file(repo.files[path])

    def offset(self):
        wanted = self.headers.get('Range', 'bytes=0-')
        return int(wanted.removeprefix('bytes=').split('-')[0])

    def file(self, data):
        """The file or its rest, as it should be."""
        start = self.offset()
        if start == 0:
            self.reply(data)
        else:
            self.reply(data[start:], 206,
                       {'Content-Range': f'bytes {start}-{len(data) - 1}/{len(data)}'})

    def reply(self, data, status=200, headers=None, length=None):
        self.send_response(status)
        self.send_header('Content-Length', str(len(data) if length is None else length))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


# --- Faults: functions of a request and the file's bytes -----------------------------------------

def good(request, data):
    request.file(data)


def drop_after(count):
    """Promises everything, and closes after so many bytes."""
    def fault(request, data):
        start = request.offset()
        headers = {'Content-Range': f'bytes {start}-{len(data) - 1}/{len(data)}'} if start else {}
        request.reply(data[start:start + count], 206 if start else 200, headers,
                      length=len(data) - start)
        request.close_connection = True
    return fault


def drop_at_once(request, _):
    request.close_connection = True


def status(code, **headers):
    def fault(request, _):
        request.reply(b'<html>no</html>', code,
                      {name.replace('_', '-'): value for name, value in headers.items()})
    return fault


def redirect(url, code=302):
    return status(code, Location=url)


def send(change, claim=None):
    """Sends change(data) whatever was asked for; claim: of which length."""
    def fault(request, data):
        request.reply(change(data), length=claim)
        request.close_connection = True
    return fault


def without_length(change):
    """Until the connection is closed, in the manner of HTTP/1.0."""
    def fault(request, data):
        request.send_response(200)
        request.send_header('Connection', 'close')
        request.end_headers()
        request.wfile.write(change(data))
        request.close_connection = True
    return fault


def wrong_range(request, data):
    """Another part than was asked for."""
    start = request.offset() // 2
    request.reply(data[start:], 206,
                  {'Content-Range': f'bytes {start}-{len(data) - 1}/{len(data)}'})


def slow(seconds, pieces=40):
    """Takes its time, in pieces."""
    def fault(request, data):
        start = request.offset()
        rest = data[start:]
        headers = {'Content-Range': f'bytes {start}-{len(data) - 1}/{len(data)}'} if start else {}
        request.reply(b'', 206 if start else 200, headers, length=len(rest))
        size = -(-len(rest) // pieces)
        for i in range(0, len(rest), size):
            request.wfile.write(rest[i:i + size])
            request.wfile.flush()
            threading.Event().wait(seconds / pieces)
    return fault
