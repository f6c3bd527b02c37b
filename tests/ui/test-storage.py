"""Through the real window: a disk that is full, a home that may not be written, two programs at once, a
clock that jumps. Nothing is lost, and what cannot be kept is said."""

import functools
import os
import pathlib
import signal
import sqlite3
import struct
import subprocess
import tempfile
import time

import harness
from harness import BUILD, DEMO, FIXTURES, Window, keys, type_text, wait_for, xdotool

PICTURES = [FIXTURES / "demo/seen-00.png", FIXTURES / "demo/seen-01.png"]
QUESTION = "How many sailboats are there?"
USER, COMPLETE = 0, 0
MB = 1 << 20


class Home:
    """A data folder of its own."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(dir=os.environ["HOME"])
        self.before = os.environ["XDG_DATA_HOME"]
        os.environ["XDG_DATA_HOME"] = self.folder

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.environ["XDG_DATA_HOME"] = self.before

    def said(self):
        """question -> (state of its answer, its text)"""
        path = pathlib.Path(self.folder, "strata/conversations.db")
        with sqlite3.connect(path) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            return {
                row[0]: row[1:]
                for row in db.execute(
                    "SELECT question.text, answer.state, answer.text FROM message AS question"
                    " LEFT JOIN message AS answer ON answer.parent = question.id WHERE question.role = ?",
                    (USER,),
                )
            }


def mount(*arguments):
    return os.geteuid() == 0 and subprocess.run(["mount", *arguments], capture_output=True).returncode == 0


def unmount(path):
    subprocess.run(["umount", "-l", path], capture_output=True)


def ask(window, question):
    type_text(question)
    keys("Return")
    window.wait_name(f"Question: {question}")
    wait_for("its answer", lambda: window.names("tokens ·") and not window.names("Answering"))


def titles(window):
    return [
        node.get_name().split(": ", 1)[1].split(",")[0]
        for node in window.walk()
        if (node.get_name() or "").startswith("Conversation: ") and node.get_role_name() == "list item"
    ]


def is_saved(window):
    """Nothing says "Not saved"; a label that is not shown may still say it."""
    return not [
        n for n in window.walk() if "Not saved: " in (n.get_name() or "") and window.has(n, "SHOWING")
    ]


def check_full(home, fill, empty):
    # The program must not be ended by the limit, as it would not be by a full disk.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    popen, subprocess.Popen = subprocess.Popen, functools.partial(subprocess.Popen, restore_signals=False)
    try:
        window = Window("--model", DEMO, PICTURES[0])
    finally:
        subprocess.Popen = popen
    with window:
        window.wait_layers()
        ask(window, QUESTION)
        fill(window)
        ask(window, "Where is the circle?")
        window.wait_name("Not saved: ")
        window.keep("storage-full.png")
        ask(window, "What is this?")
        assert list(home.said()) == [QUESTION], home.said()
        empty(window)
        wait_for("room again", lambda: len(home.said()) == 3)
        wait_for("the end of the notice", lambda: is_saved(window))
    said = home.said()
    assert all(state == COMPLETE and text for state, text in said.values()), said


def test_full_limit():
    """No file may grow: what a quota does."""

    def limit(size, window):
        subprocess.run(["prlimit", f"--fsize={size}:", "--pid", str(window.process.pid)], check=True)

    with Home() as home:
        check_full(home, functools.partial(limit, 4096), functools.partial(limit, "unlimited"))


def test_full_disk():
    """A small file system, where one can be had."""
    with Home() as home:
        if not mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", home.folder):
            print("# no file system could be mounted: a limit on files had to do")
            return
        filler = pathlib.Path(home.folder, "filler")

        def fill(_):
            with open(filler, "wb", buffering=0) as file:
                try:
                    while True:
                        file.write(bytes(512))
                except OSError:
                    pass

        try:
            check_full(home, fill, lambda _: filler.unlink())
        finally:
            unmount(home.folder)


def test_read_only():
    """What is there is read; what is said now is not kept, and that is said."""
    with Home() as home:
        with Window("--model", DEMO, PICTURES[0]) as window:
            window.wait_layers()
            ask(window, QUESTION)
        mounted = mount("--bind", home.folder, home.folder) and mount(
            "-o", "remount,ro,bind", home.folder
        )
        if not mounted and os.geteuid() == 0:
            print("# nothing keeps the superuser from writing here")
            return
        folder = pathlib.Path(home.folder, "strata")
        if not mounted:
            folder.chmod(0o500)
        try:
            with Window("--model", DEMO, PICTURES[1]) as window:
                window.wait_layers()
                window.wait_name("Not saved: ")
                ask(window, "What is this?")
                keys("ctrl+shift+s")
                wait_for("what was there", lambda: titles(window) == [QUESTION])
                window.keep("storage-read-only.png")
                row = [n for n in window.walk() if (n.get_name() or "").startswith("Conversation: ")][-1]
                window.click(row)
                window.wait_name("Answer: One.")
                window.wait_name("Its maps are shown")
        finally:
            if mounted:
                unmount(home.folder)
            else:
                folder.chmod(0o700)
        assert list(home.said()) == [QUESTION], home.said()


def test_two():
    """Each in a session of its own, so that neither hands over to the other."""
    with Home() as home:
        with Window("--model", DEMO, PICTURES[0]) as window:
            window.wait_layers()
            other = subprocess.Popen(
                ["dbus-run-session", "--", window.program, "--model", str(DEMO), str(PICTURES[1])],
                env={**os.environ, "NO_AT_BRIDGE": "1", "GTK_A11Y": "none"},
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            try:
                second = wait_for(
                    "the second window",
                    lambda: [
                        w
                        for w in xdotool("search", "--onlyvisible", "--class", "strata")
                        if w != window.window
                    ],
                )[-1]
                time.sleep(3)  # its picture
                xdotool("windowfocus", window.window)
                time.sleep(0.3)
                keys("ctrl+shift+s")
                xdotool("windowfocus", second)
                time.sleep(0.3)
                type_text("Said in the second")
                keys("Return")
                wait_for(
                    "it is seen in the first", lambda: titles(window) == ["Said in the second"]
                )
                xdotool("windowfocus", window.window)
                time.sleep(0.3)
                while not any(
                    window.has(n, "FOCUSED") and n.get_role_name() in ("text", "text box")
                    for n in window.walk()
                ):
                    keys("Tab")
                ask(window, QUESTION)
                xdotool("windowfocus", second)
                time.sleep(0.3)
                type_text("And once more")
                keys("Return")
                wait_for("all three", lambda: len(home.said()) == 3)
                wait_for(
                    "their answers", lambda: all(row[0] == COMPLETE for row in home.said().values())
                )
                wait_for(
                    "the newest first", lambda: titles(window) == ["Said in the second", QUESTION]
                )
            finally:
                os.killpg(other.pid, signal.SIGTERM)
                other.wait()
                xdotool("windowfocus", window.window)


def test_clock():
    """Ten years back, a hundred ahead, and right again: the order is that of what happened."""
    years = 365 * 24 * 3600
    with Home() as home:
        jump = pathlib.Path(home.folder, "jump")
        jump.write_bytes(struct.pack("q", 0))
        os.environ.update(
            LD_PRELOAD=str(BUILD / "tests/ui/libclock-jump.so"), STRATA_CLOCK_JUMP=str(jump)
        )
        try:
            window = Window("--model", DEMO, PICTURES[0])
        finally:
            del os.environ["LD_PRELOAD"], os.environ["STRATA_CLOCK_JUMP"]
        with window:
            window.wait_layers()
            ask(window, "First")
            for question, jumped in (("Second", -10 * years), ("Third", 100 * years), ("Fourth", 0)):
                with open(jump, "r+b") as file:
                    file.write(struct.pack("q", jumped))
                keys("ctrl+n")
                ask(window, question)
        assert all(row[0] == COMPLETE for row in home.said().values()) and len(home.said()) == 4
        with Window("--model", DEMO) as window:
            keys("ctrl+shift+s")
            wait_for(
                "the order of what happened",
                lambda: titles(window) == ["Fourth", "Third", "Second", "First"],
            )
            window.wait_name("by a clock that was ahead")
            time.sleep(0.3)
            window.keep("storage-clock.png")


harness.run(test_full_limit, test_full_disk, test_read_only, test_two, test_clock)
