"""kill-window.py [ROUNDS]: the real window is killed (SIGKILL) at random moments while it is chatted
with; nothing that was said is lost but the last second.

Each round starts the window, types questions and looks, through AT-SPI, at what it shows; it is killed
while it answers, and what was seen is compared with the database. In the end everything of all rounds
must be there, and what was cut must be marked and shown as such.

A disk or a processor that others keep busy makes every program wait: a thread beside this one writes to
the same disk all the time, and by what it had to wait, "the last second" is longer.
"""

import os
import pathlib
import random
import signal
import sqlite3
import sys
import tempfile
import threading
import time

import harness
from harness import FIXTURES, Window, keys, type_text, wait_for

MODEL = FIXTURES / "tiny-pmod-llava-v1.5"
PICTURE = FIXTURES / "images/square.jpg"
ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 4
LOST_S = 1.0
USER = 0
COMPLETE, GROWING, PARTIAL, STOPPED, FAILED = range(5)


class Stalls(threading.Thread):
    """What small writes to the disk took: (end, seconds)."""

    def __init__(self):
        super().__init__(daemon=True)
        self.took = []

    def run(self):
        with tempfile.TemporaryFile(dir=os.environ["XDG_DATA_HOME"], buffering=0) as file:
            while True:
                start = time.monotonic()
                file.seek(0)
                file.write(bytes(4096))
                os.fsync(file.fileno())
                time.sleep(0.05)
                self.took.append((time.monotonic(), time.monotonic() - start - 0.05))

    def longest(self, since):
        return max((seconds for end, seconds in self.took if end > since), default=0)


def database():
    return pathlib.Path(os.environ["XDG_DATA_HOME"], "strata/conversations.db")


def read():
    """question -> (state of its answer, its text, whether it has a trace)"""
    with sqlite3.connect(database()) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = db.execute(
            "SELECT question.text, answer.state, answer.text, answer.trace IS NOT NULL"
            " FROM message AS question LEFT JOIN message AS answer ON answer.parent = question.id"
            " WHERE question.role = ?",
            (USER,),
        ).fetchall()
    assert len({row[0] for row in rows}) == len(rows), "a question is there twice"
    return {row[0]: row[1:] for row in rows}


class Chat:
    """The list of messages, found once, for a walk over all of the window takes too long."""

    def __init__(self, window):
        self.window = window
        self.list = None

    def find(self):
        for node in self.window.walk():
            if (node.get_name() or "").startswith(("Question: ", "Answer: ")):
                self.list = node.get_parent()
                return True
        return False

    def messages(self):
        """Each name, with the time by which it was there: a window that is busy answers late."""
        if not self.list and not self.find():
            return
        try:
            for i in range(self.list.get_child_count()):
                name = self.list.get_child_at_index(i).get_name() or ""
                yield name, time.monotonic()
        except Exception:
            return  # the list has changed; the next look sees it


def look(chat, seen):
    """seen: question -> [(when, answer so far)]"""
    question = None
    for name, when in chat.messages():
        kind, _, text = name.partition(": ")
        if kind == "Question":
            question = text
        elif kind == "Answer" and question:
            seen.setdefault(question, []).append((when, text))


def one_round(number, chance):
    """What was seen, and when it was killed."""
    window = Window("--model", MODEL, PICTURE, size=(1000, 700))
    seen, typed = {}, 0
    try:
        window.wait_layers()
        chat = Chat(window)
        until = time.monotonic() + chance.uniform(0.3, 4)
        while time.monotonic() < until:
            if typed == 0 or rests(seen, f"round {number} {typed}"):
                typed += 1
                type_text(f"round {number} {typed}")
                keys("Return")
            look(chat, seen)
            time.sleep(0.05)
    finally:
        killed = time.monotonic()
        window.process.send_signal(signal.SIGKILL)
        window.process.wait()
    return seen, killed


def rests(seen, question):
    """Whether its answer has not grown for a while."""
    looks = seen.get(question, [])
    return len(looks) > 6 and looks[-1][1] == looks[-6][1] != ""


def check(seen, killed, kept, count, stalls):
    stall = stalls.longest(killed - 4)
    count["stall"] = max(count["stall"], stall)
    for question, looks in seen.items():
        assert question in kept, f"{question}: its answer had begun and it is not on disk"
        count["questions"] += 1
        state, text, has_trace = kept[question]
        for when, shown in looks:
            count["looks"] += 1
            if when > killed - LOST_S - stall:
                continue
            count["old"] += 1
            # A character whose bytes are not all there yet is shown as one that cannot be.
            assert (text or "").startswith(shown.rstrip("\ufffd")), (
                f"{question}: {len(shown)} characters were seen {killed - when:.1f} s before, and"
                f" {len(text or '')} are on disk, in state {state}; a write took {stall:.1f} s"
            )
        count["growing"] += state == GROWING


def test_kills():
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    count = {"questions": 0, "looks": 0, "old": 0, "growing": 0, "stall": 0.0}
    stalls = Stalls()
    stalls.start()
    begun, failed_starts = set(), 0
    for number in range(ROUNDS):
        try:
            seen, killed = one_round(number, chance)
        except AssertionError:
            # GTK 4.8 without a monitor: no round, and no loss.
            if not Window.last.fell_over_gtk():
                raise
            failed_starts += 1
            continue
        kept = read()
        check(seen, killed, kept, count, stalls)
        begun |= set(seen)
        assert begun <= set(kept), f"of earlier rounds there is no {begun - set(kept)}"
        if number % 20 == 19:
            print(f"# {number + 1} rounds: {count}", flush=True)
    # Whoever opens it next marks what was cut, and says so.
    with Window("--model", MODEL) as window:
        wait_for("the marks", lambda: not [q for q, row in read().items() if row[0] == GROWING])
        keys("ctrl+shift+s")
        wait_for(
            "the conversations",
            lambda: [n for n in window.walk() if (n.get_name() or "").startswith("Conversation: ")],
        )
    kept = read()
    assert begun <= set(kept)
    partial = sum(1 for row in kept.values() if row[0] == PARTIAL)
    assert partial >= count["growing"] > 0 or ROUNDS < 4
    # Killed between the question and the beginning of its answer.
    alone = [question for question, row in kept.items() if row[0] is None]
    for question, (state, text, has_trace) in kept.items():
        if question in alone:
            continue
        assert state in (COMPLETE, PARTIAL, STOPPED, FAILED), f"{question}: {state}"
        assert state != COMPLETE or has_trace, f"{question}: complete, without its trace"
    print(
        f"# {ROUNDS} rounds (seed {seed}, {failed_starts} not begun): {count['questions']} questions whose"
        f" answers had begun, all on disk; {count['looks']} looks at answers, {count['old']} of them older"
        f" than a second, all on disk; {count['growing']} answers cut, {partial} marked; {len(alone)} questions without"
        f" the beginning of an answer; the disk stood still for {count['stall']:.2f} s at most"
    )


harness.run(test_kills)
