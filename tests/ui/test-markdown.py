"""Answers as markdown, seen through AT-SPI: what is shown, copied, walked through and said."""

import os
import pathlib
import subprocess
import sys
import tempfile
import time

from gi.repository import GLib

import harness
from harness import BUILD, Window, keys, wait_for

ANSWER = """# What there is

There are **three** things & a [tree](https://example.org/?a=1&b=2), see `tree.c`.

1. a circle
2. a tree
   - with leaves

> Nothing is written.

```python
if a < b:
    print("a & b")
```

<b>raw</b> ![a cat](https://example.org/cat.png) and [this](javascript:alert(1))
"""
CODE = 'if a < b:\n    print("a & b")'
SPOKEN = """It is a star, e.g. a sun. Is it yellow? Yes!

- It measures 3.5 cm
- and **shines**

```
one
two
```

这是一只猫。它在哪里？ The end of it."""
SENTENCES = [
    "It is a star, e.g. a sun.",
    "Is it yellow?",
    "Yes!",
    "It measures 3.5 cm",
    "and shines",
    "Code, 2 lines.",
    "这是一只猫。",
    "它在哪里？",
    "The end of it.",
]
READ_CLIPBOARD = """
import gi
gi.require_version("Gtk", "4.0")
from gi.repository import Gdk, GLib, Gtk
Gtk.init()
loop = GLib.MainLoop()
def done(clipboard, result):
    print(clipboard.read_text_finish(result), end="")
    loop.quit()
Gdk.Display.get_default().get_clipboard().read_text_async(None, done)
GLib.timeout_add_seconds(5, loop.quit)
loop.run()
"""


class Chat(Window):
    """The conversation's pane in a window of its own, without a model."""

    program = BUILD / "tests/ui/long-chat"


def file_with(folder, text):
    path = pathlib.Path(folder, "answer.md")
    path.write_text(text)
    return path


def find(window, name, role=None):
    def look():
        return [
            node
            for node in window.walk()
            if node.get_name() == name and role in (None, node.get_role_name())
        ]

    return wait_for(f'"{name}"', look)[0]


def focused(window):
    found = [node for node in window.walk() if window.has(node, "FOCUSED")]
    return found[-1] if found else None


def wait_focus(window, part):
    wait_for(f"the focus on {part}", lambda: part in (focused(window).get_name() or ""), 10)


def read_clipboard():
    command = [sys.executable, "-c", READ_CLIPBOARD]
    return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout


def check_shown(window):
    find(window, "What there is", "heading")
    # Without its marks, and what is raw as it was written.
    find(window, "There are three things & a tree, see tree.c.")
    for text in ("1.", "a circle", "2.", "a tree", "◦", "with leaves", "Nothing is written."):
        find(window, text)
    find(window, "<b>raw</b> a cat and this (javascript:alert(1))")
    group = find(window, "Code, python")
    assert group.get_child_count() > 0
    assert [node for node in window.walk(group) if node.get_name() == CODE]


def check_copied(window):
    find(window, "Copy the code").do_action(0)
    wait_for("the code in the clipboard", lambda: read_clipboard() == CODE, 10)
    find(window, "Copy the answer").do_action(0)
    wait_for("the answer in the clipboard", lambda: read_clipboard() == ANSWER, 10)


def check_keys(window):
    """Arrows go from message to message, Tab into one and on to what can be done there."""
    wait_focus(window, "Message")
    keys("shift+Tab")
    wait_focus(window, "Answer: # What there is")
    keys("Up")
    wait_focus(window, "Question: What is *this*?")
    keys("Down", "Tab")
    wait_focus(window, "What there is")
    reached = []
    for _ in range(14):
        keys("Tab")
        time.sleep(0.1)
        reached.append(focused(window).get_name())
    assert "Copy the code" in reached, reached
    assert "Copy the answer" in reached, reached
    assert CODE in reached, reached


def test_shown():
    with tempfile.TemporaryDirectory() as folder:
        with Chat("show", file_with(folder, ANSWER), size=(400, 760)) as window:
            check_shown(window)
            check_keys(window)
            check_copied(window)
            window.keep("markdown.png")


def rows(window):
    return [
        node
        for node in window.walk()
        if node.get_role_name() == "list item" and node.get_name().split(":")[0] in ("Question", "Answer")
    ]


def test_walk():
    """200 messages, of which few are widgets; every one of them can be reached."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        for i in range(100):
            (path / f"{i:03}.md").write_text(f"Answer {i}\n\n" + "- a thing\n" * (i % 7))
        with Chat("show", *sorted(path.glob("*.md")), size=(400, 700)) as window:
            wait_for("the newest", lambda: [n for n in rows(window) if "Answer 99" in n.get_name()])
            assert len(rows(window)) < 40, len(rows(window))
            wait_focus(window, "Message")
            keys("shift+Tab")
            wait_focus(window, "Answer: Answer 99")
            keys("Home")
            wait_focus(window, "Question: ")
            keys("Down")
            wait_focus(window, "Answer: Answer 0")
            for i in range(1, 6):
                keys("Down", "Down")
                wait_focus(window, f"Answer: Answer {i}")
            keys("Page_Down")
            wait_for("a page", lambda: "Answer 5" not in focused(window).get_name(), 5)
            box = focused(window).get_extents(window.Atspi.CoordType.WINDOW)
            assert 0 <= box.y < 700, box.y
            keys("End")
            wait_focus(window, "Answer: Answer 99")


class Listener:
    """Who hears what the names and descriptions of things become."""

    def __init__(self, Atspi, kind):
        self.events = []
        self.listener = Atspi.EventListener.new(self.heard)
        self.listener.register(f"object:property-change:{kind}")

    def heard(self, event):
        try:
            self.events.append((event.source.get_role_name(), event.any_data))
        except GLib.Error:  # It has left the tree.
            pass

    def texts(self, role):
        return [text for of, text in self.events if of == role]


def joined(sentences):
    """Those without a full stop get one."""
    *others, last = sentences
    return "".join(text + (". " if text[-1].isalnum() else " ") for text in others) + last


def check_whole(said):
    left = list(SENTENCES)
    for text in said:
        n = [n for n in range(1, len(left) + 1) if joined(left[:n]) == text]
        assert n, f"{text!r} is not the beginning of {left}"
        left = left[n[0] :]
    assert not left, left


def test_said():
    from gi.repository import Atspi

    names = Listener(Atspi, "accessible-name")
    descriptions = Listener(Atspi, "accessible-description")

    def said_all():
        while GLib.MainContext.default().iteration(False):
            pass
        return (names.texts("log") or [""])[-1].endswith(SENTENCES[-1])

    with tempfile.TemporaryDirectory() as folder:
        with Chat("stream", file_with(folder, SPOKEN), "12", size=(400, 700)) as window:
            # GTK tells changes of what somebody has asked for, or what has the focus.
            wait_for("the log", lambda: [n for n in window.walk() if n.get_role_name() == "log"])
            keys("ctrl+g")
            wait_for("all of it to be said", said_all, 30)
    said = names.texts("log")
    print(f"# said: {said}")
    # What is said together are whole sentences, none of them broken, none left out.
    check_whole(said)
    assert len(said) > 2, said
    # And what has the focus says the same.
    heard = [text for text in descriptions.texts("text") if "Enter sends" not in text]
    print(f"# heard: {heard}")
    check_whole(heard)


os.environ.setdefault("LC_ALL", "C.UTF-8")
harness.run(test_shown, test_walk, test_said)
