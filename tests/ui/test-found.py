"""In a long conversation: a message that a search found comes into sight and is marked for a while;
a question far out of sight is edited where it stands, in sight."""

import os
import pathlib
import sqlite3
import subprocess
import time

import harness
from harness import DEMO, FIXTURES, Window, keys, type_text, wait_for, xdotool

PICTURE = FIXTURES / "demo/seen-00.png"
QUESTION = "How many sailboats are there?"
N_TURNS = 80
HIT = 12
NEEDLE = "An answer with a zeppelin in it."


def make_long():
    """What was said once, as if it had been said many times."""
    path = pathlib.Path(os.environ["XDG_DATA_HOME"], "strata/conversations.db")
    with sqlite3.connect(path) as db:
        (first, last) = db.execute("SELECT min (id), max (id) FROM message").fetchone()
        parent = last
        copy = (
            "INSERT INTO message (conversation, parent, role, state, text, created_us, model) "
            "SELECT conversation, ?, role, state, ?, created_us + ?, model FROM message WHERE id = ?"
        )
        for i in range(N_TURNS):
            for source in (first, last):
                text = f"Question {i}, what is this?" if source == first else f"Answer {i}. " * 12
                if source == last and i == HIT:
                    text = NEEDLE
                parent = db.execute(copy, (parent, text, i + 1, source)).lastrowid
        db.execute("UPDATE conversation SET leaf = ?", (parent,))
    db.close()


def messages(window):
    """All that is in the list of messages, once there is one."""
    if not getattr(window, "list", None):
        window.list = next(
            (n for n in window.walk() if n.get_name() == "Conversation" and n.get_role_name() == "list"),
            None,
        )
    return window.walk(window.list) if window.list else []


def box(window, node):
    return node.get_extents(window.Atspi.CoordType.WINDOW)


def in_sight(window, name):
    """The node of that name, if all of it is where the list is."""
    for node in messages(window):
        if (node.get_name() or "").startswith(name):
            place, view = box(window, node), box(window, window.list)
            if view.y <= place.y and place.y + place.height <= view.y + view.height and place.height > 0:
                return node
    return None


def wait_in_sight(window, name):
    return wait_for(f"{name} in sight", lambda: in_sight(window, name))


def search(window):
    keys("ctrl+shift+s")
    wait_for(
        "the search's focus",
        lambda: [
            n
            for n in window.walk()
            if window.has(n, "FOCUSED") and n.get_role_name() in ("text", "entry", "search box", "text box")
        ],
    )
    keys("ctrl+a")
    type_text("zeppelin")
    row = wait_for(
        "the hit",
        lambda: [n for n in window.walk() if "zeppelin" in (n.get_name() or "") and n.get_role_name() == "label"],
    )[0]
    window.click(row)


def color(place):
    """Of one pixel of the screen."""
    command = ["import", "-window", "root", "-crop", "1x1+%d+%d" % place, "-depth", "8", "rgb:-"]
    return tuple(subprocess.run(command, check=True, capture_output=True).stdout[:3])


def focus_entry(window):
    entry = next(n for n in window.walk() if n.get_name() == "Message")
    window.click(entry)
    wait_for("the entry's focus", lambda: window.has(entry, "FOCUSED"))


def test_found():
    with Window("--model", DEMO, PICTURE) as window:
        window.wait_layers()
        type_text(QUESTION)
        keys("Return")
        window.wait_name("Answer: One.")
        wait_for("its end", lambda: not window.names("Answering"))
    make_long()
    with Window("--model", DEMO) as window:
        # It is opened by the hit,
        search(window)
        hit = wait_in_sight(window, f"Answer: {NEEDLE}")
        assert in_sight(window, f"Question: Question {HIT}"), "what was asked before it is in sight, too"
        window.keep("found.png")
        place = box(window, hit)
        ground = place.x + 14, place.y + place.height - 12
        wait_for("the mark to be gone", lambda: color(ground) == color((place.x + 2, place.y + 2)), 20)

        # A question far away is edited by keys, where it is in sight.
        focus_entry(window)
        keys("Up")
        wait_for(
            "the editor's focus",
            lambda: [n for n in messages(window) if n.get_name() == "Edit the Question" and window.has(n, "FOCUSED")],
        )
        wait_in_sight(window, "Edit the Question")
        assert not in_sight(window, f"Answer: {NEEDLE}")
        window.keep("found-editor.png")
        keys("Escape")
        wait_in_sight(window, f"Question: Question {N_TURNS - 1}")

        # and where it is open already; there it is marked for a while.
        plain = color(ground)
        keys("ctrl+shift+s")
        search(window)
        wait_for("the mark", lambda: color(ground) != plain, 10)
        window.keep("found-marked.png")
        wait_for("the mark to be gone", lambda: color(ground) == plain, 10)
        wait_in_sight(window, f"Answer: {NEEDLE}")


harness.run(test_found)
