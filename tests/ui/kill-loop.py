"""kill-loop.py [ROUNDS]: a chat that is killed (SIGKILL) at random moments loses nothing but the
last second.

Each round: a process chats and tells what has begun, grown and ended; it is killed; what it told is
compared with the database. In the end everything of all rounds must be there.
"""

import os
import pathlib
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("STRATA_BUILD_DIR", TOP / "build"))
FIXTURES = TOP / "tests/fixtures"
MODEL = FIXTURES / "tiny-pmod-llava-v1.5"
PICTURE = FIXTURES / "images/square.jpg"
LOST_MS = 1000
USER, ASSISTANT = 0, 1
COMPLETE, GROWING, PARTIAL, STOPPED, FAILED = range(5)


def start(database, name):
    program = BUILD / "tests/ui/chat-forever"
    return subprocess.Popen(
        [program, MODEL, PICTURE, database, name], stdout=subprocess.PIPE, text=True
    )


def kill_in(process, seconds):
    """Kills after the first line and so many seconds; returns when, and all that it told."""
    first = process.stdout.readline()
    assert first, "chat-forever ended before it had begun"
    time.sleep(seconds)
    killed_ms = time.monotonic() * 1000
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read()
    assert process.wait() == -signal.SIGKILL
    lines = (first + rest).split("\n")[:-1]  # the last one may be cut
    return killed_ms, [(line.split()[0], *map(int, line.split()[1:])) for line in lines if line]


def read(database):
    """question -> (state, bytes) of its answer."""
    with sqlite3.connect(database) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = db.execute(
            "SELECT question.text, answer.state, length (cast (answer.text AS BLOB)),"
            " answer.trace IS NOT NULL FROM message AS question"
            " LEFT JOIN message AS answer ON answer.parent = question.id WHERE question.role = ?",
            (USER,),
        ).fetchall()
    assert len({row[0] for row in rows}) == len(rows), "a question is there twice"
    return {row[0]: row[1:] for row in rows}


def check(name, told, killed_ms, kept, count):
    for what, number, at_ms, size in told:
        question = f"{name} {number}"
        assert question in kept, f"{question} had an answer and is not on disk"
        state, on_disk, has_trace = kept[question]
        count["told"] += 1
        if at_ms > killed_ms - LOST_MS:
            continue
        count["old"] += 1
        assert on_disk >= size, f"{question}: {size} bytes {killed_ms - at_ms} ms ago, {on_disk} kept"
        if what == "D":
            count["ended"] += 1
            assert state in (COMPLETE, FAILED), f"{question}: ended, but its state is {state}"
            assert has_trace or state == FAILED, f"{question}: its trace is not there"


def main(rounds):
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    count = {"questions": 0, "told": 0, "old": 0, "ended": 0, "growing": 0}
    begun = set()
    with tempfile.TemporaryDirectory() as folder:
        database = pathlib.Path(folder, "conversations.db")
        for number in range(rounds):
            name = f"round{number}"
            killed_ms, told = kill_in(start(database, name), chance.uniform(0, 2.5))
            kept = read(database)
            check(name, told, killed_ms, kept, count)
            begun |= {f"{name} {line[1]}" for line in told}
            count["growing"] += sum(1 for row in kept.values() if row[0] == GROWING)
            assert begun <= set(kept), f"of earlier rounds there is no {begun - set(kept)}"
        # Whoever opens it next marks what was cut.
        kill_in(start(database, "last"), 0)
        kept = read(database)
        cut = [q for q, row in kept.items() if row[0] == GROWING and not q.startswith("last")]
        partial = sum(1 for row in kept.values() if row[0] == PARTIAL)
        assert not cut, f"not marked: {cut}"
        assert begun <= set(kept)
    count["questions"] = len(begun)
    print(
        f"ok 1 {rounds} rounds (seed {seed}): {count['questions']} questions whose answer had begun, all"
        f" on disk; {count['told']} reports, {count['old']} of them older than a second, all on disk;"
        f" {count['ended']} of those answers whole with their traces; {count['growing']} were cut while"
        f" growing, {partial} answers are marked partial"
    )
    print("1..1")


main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
