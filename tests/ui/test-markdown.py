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


class Listener:
    """Who hears what becomes of things; much less work than to look for it."""

    def __init__(self, kind):
        from gi.repository import Atspi

        self.events = []  # role, name, text
        self.listener = Atspi.EventListener.new(self.heard)
        self.listener.register(kind)

    def heard(self, event):
        try:
            node = event.source
            self.events.append((event.detail1, node.get_role_name(), node.get_name(), event.any_data))
        except GLib.Error:  # It has left the tree.
            pass

    def pump(self):
        while GLib.MainContext.default().iteration(False):
            pass

    def texts(self, role):
        self.pump()
        return [text for _, of, _, text in self.events if of == role]

    def wait_focus(self, part):
        """Until what got the focus last has such a name."""

        def look():
            self.pump()
            gained = [name for gains, _, name, _ in self.events if gains]
            return gained and part in gained[-1]

        wait_for(f"the focus on {part}", look, 10)


def listen_focus():
    return Listener("object:state-changed:focused")


def find(window, name):
    return wait_for(f'"{name}"', lambda: [node for node in window.walk() if node.get_name() == name])[0]


def read_clipboard():
    command = [sys.executable, "-c", READ_CLIPBOARD]
    return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout


def check_shown(window):
    """Without its marks, and what is raw as it was written."""
    group = find(window, "Code, python")
    shown = {node.get_name(): node.get_role_name() for node in window.walk()}
    assert shown.get("What there is") == "heading", shown
    for text in (
        "There are three things & a tree, see tree.c.",
        "1.",
        "a circle",
        "2.",
        "a tree",
        "◦",
        "with leaves",
        "Nothing is written.",
        "<b>raw</b> a cat and this (javascript:alert(1))",
        CODE,
    ):
        assert text in shown, (text, shown)
    assert [node for node in window.walk(group) if node.get_name() == CODE]


def check_copied(window):
    window.press("Copy the code")
    wait_for("the code in the clipboard", lambda: read_clipboard() == CODE)
    window.press("Copy the answer")
    wait_for("the answer in the clipboard", lambda: read_clipboard() == ANSWER)


def go_into_messages(focus):
    """From the entry, over what stands beside it, to what can be done with the newest answer."""
    for _ in range(6):
        keys("shift+Tab")
        time.sleep(0.2)
        focus.pump()
        if focus.events[-1][2] in ("Copy the answer", "Ask Again", "Probabilities"):
            return
    raise AssertionError(f"Shift+Tab does not come to the answer: {focus.events[-1]}")


def check_keys(focus):
    """Arrows go from message to message, Tab into one and on to what can be done there."""
    go_into_messages(focus)
    keys("Up")
    focus.wait_focus("Question: What is *this*?")
    keys("Down")
    focus.wait_focus("Answer: # What there is")
    keys("Tab")
    focus.wait_focus("What there is")
    for name in ("Copy the code", CODE, "Copy the answer"):
        for _ in range(12):
            keys("Tab")
            time.sleep(0.1)
            focus.pump()
            if focus.events[-1][2] == name:
                break
        focus.wait_focus(name)


def test_shown():
    with tempfile.TemporaryDirectory() as folder:
        with Chat("show", file_with(folder, ANSWER), size=(400, 760)) as window:
            focus = listen_focus()
            check_shown(window)
            check_keys(focus)
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
            focus = listen_focus()
            go_into_messages(focus)
            keys("Home")
            focus.wait_focus("Question: ")
            keys("Down")
            focus.wait_focus("Answer: Answer 0")
            for i in range(1, 6):
                keys("Down", "Down")
                focus.wait_focus(f"Answer: Answer {i}")
            keys("Page_Down", "Page_Down")
            shown = [n for n in window.walk() if window.has(n, "FOCUSED")][-1]
            box = shown.get_extents(window.Atspi.CoordType.WINDOW)
            assert "Answer 5" not in shown.get_name(), shown.get_name()
            assert 0 <= box.y < 700, box.y
            keys("End")
            focus.wait_focus("Answer: Answer 99")


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
    names = Listener("object:property-change:accessible-name")
    descriptions = Listener("object:property-change:accessible-description")
    with tempfile.TemporaryDirectory() as folder:
        with Chat("stream", file_with(folder, SPOKEN), "12", size=(400, 700)) as window:
            # GTK tells changes of what somebody has asked for, or what has the focus.
            wait_for("the log", lambda: [n for n in window.walk() if n.get_role_name() == "log"])
            keys("ctrl+g")
            wait_for(
                "all of it to be said",
                lambda: (names.texts("log") or [""])[-1].endswith(SENTENCES[-1]),
                30,
            )
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
