"""What a terminal and a pipe do to pmod: Ctrl-C, a closed pipe, a full disk, progress."""

import fcntl
import os
import pty
import select
import signal
import subprocess
import termios
import time
import tty

from pmodcli import DEMO, IMAGES, PMOD, TINY, TINY_NEXT, check_sane, good, main, parse, run

ENDLESS = ('run', TINY, '--image', os.path.join(IMAGES, 'square.jpg'), '--prompt', 'Go on.',
           '--max-new-tokens', '1300', '--temperature', '2', '--seed', '3', '--threads', '1')


def start(*args):
    return subprocess.Popen([PMOD, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(process, code, part):
    out, err = process.communicate(timeout=60)
    err = err.decode()
    check_sane(process.args, process.returncode, err)
    assert process.returncode == code, (process.returncode, err)
    assert part in err and err.count('\n') == 1, err
    return out


def test_interrupt_answer():
    """What was said stays, the exit code is 1, and it ends soon."""
    process = start(*ENDLESS)
    first = process.stdout.read(1)
    process.send_signal(signal.SIGINT)
    begin = time.monotonic()
    out = first + finish(process, 1, 'pmod run: cancelled after')
    assert out.endswith(b'\n') and len(out) > 1
    print(f'  stopped within {time.monotonic() - begin:.2f} s')


def test_interrupt_record():
    """The record of a cancelled run is written."""
    process = start(*ENDLESS, '--json', '-')
    time.sleep(0.7)
    process.send_signal(signal.SIGTERM)
    out = finish(process, 1, 'cancelled')
    if out:  # nothing where the model was still loading
        assert parse(out.decode())['output']['finish'] == 'cancelled'


def test_interrupt_prefill():
    """At every moment of loading and prefill: exit code 1 and one line, or done before."""
    for delay in (0.0, 0.05, 0.1, 0.2, 0.4):
        process = start('run', TINY_NEXT, '--image', os.path.join(IMAGES, 'portrait.png'),
                        '--prompt', 'What is it?', '--max-new-tokens', '1', '--threads', '1')
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        # Before main() took the signal, the system's own handling ends the process.
        if process.returncode not in (0, -signal.SIGINT):
            check_sane(process.args, process.returncode, err.decode())
            assert process.returncode == 1 and b'cancelled' in err and err.count(b'\n') == 1, err


def test_closed_pipe():
    process = start(*ENDLESS)
    process.stdout.read(1)
    process.stdout.close()
    process.stdout = None
    finish(process, 1, 'standard output: cannot write: Broken pipe')


def test_full_disk():
    with open('/dev/full', 'wb') as full:
        for args in (('flops', 'demo'), ('--help',), ('info', 'demo', '--json'),
                     ('run', TINY, '--prompt', 'red', '--json', '-', '--max-new-tokens', '1')):
            done = subprocess.run([PMOD, *args], stdout=full, stderr=subprocess.PIPE, check=False)
            assert done.returncode == 1, (args, done)
            assert b'No space left on device' in done.stderr, (args, done)
    done = run('run', TINY, '--prompt', 'red', '--json', '/dev/full', '--max-new-tokens', '1')
    assert done.returncode == 1 and 'No space left on device' in done.stderr, done.stderr


def test_quiet():
    """Nothing on standard error without a terminal."""
    assert good('run', TINY, '--prompt', 'red', '--max-new-tokens', '2').stderr == ''


def test_progress():
    """Work under a second says nothing even where it is asked for."""
    done = good('run', DEMO, '--prompt', 'red', '--max-new-tokens', '1', '--progress')
    assert done.stderr == '' or ' of ' in done.stderr, done.stderr


class Terminal:
    """pmod with a terminal for all three streams."""

    def __init__(self, *args):
        self.master, slave = pty.openpty()
        tty.setraw(slave, when=termios.TCSANOW)
        # Ctrl-C is to be a signal here, as a terminal makes it one.
        mode = termios.tcgetattr(slave)
        mode[3] |= termios.ISIG
        termios.tcsetattr(slave, termios.TCSANOW, mode)
        self.process = subprocess.Popen([PMOD, *args], stdin=slave, stdout=slave, stderr=slave,
                                        start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        self.text = ''

    def type(self, text):
        os.write(self.master, text.encode())

    def wait_for(self, part, timeout=60):
        """Reads until part appears in what was not waited for yet."""
        end = time.monotonic() + timeout
        while part not in self.text:
            ready, _, _ = select.select([self.master], [], [], max(0, end - time.monotonic()))
            assert ready, f'"{part}" did not come: {self.text!r}'
            self.text += os.read(self.master, 65536).decode(errors='replace')
        before, _, self.text = self.text.partition(part)
        return before

    def close(self):
        code = self.process.wait(timeout=60)
        os.close(self.master)
        return code


def test_chat_terminal():
    """A cursor to write at; Ctrl-C stops an answer, and at the cursor it ends the conversation."""
    terminal = Terminal('chat', TINY, '--max-new-tokens', '1300', '--temperature', '2', '--seed',
                        '3', '--threads', '1')
    terminal.wait_for('> ')
    terminal.type('Go on.\n')
    time.sleep(0.3)
    terminal.type('\x03')
    terminal.wait_for(', stopped; ')
    terminal.wait_for('> ')
    terminal.type('/clear\n')
    terminal.wait_for('> ')
    terminal.type('\x03')
    assert terminal.close() == 0


def test_progress_terminal():
    """Long work draws its line over itself and removes it."""
    terminal = Terminal('bench', DEMO, '--threads', '1', '--runs', '100')
    terminal.wait_for('of 7, ')
    terminal.wait_for('\r\x1b[K')
    terminal.wait_for('p-MoD / dense')
    assert terminal.close() == 0


main([test_interrupt_answer, test_interrupt_record, test_interrupt_prefill, test_closed_pipe,
      test_full_disk, test_quiet, test_progress, test_chat_terminal, test_progress_terminal])
