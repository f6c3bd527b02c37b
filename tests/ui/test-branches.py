"""A conversation is a tree: answers asked for again and questions written anew stay as versions,
are switched between with the mouse and with keys, and are there the next time."""

import time

import harness
from harness import DEMO, FIXTURES, Window, keys, type_text, wait_for, xdotool

PICTURE = FIXTURES / "demo/seen-00.png"
FIRST = "How many sailboats are there?"
SECOND = "Where is the circle?"
OTHER = "Do you see a sunflower?"


def ask(window, question):
    type_text(question)
    keys("Return")
    window.wait_name(f"Question: {question}")
    wait_end(window)


def wait_end(window):
    wait_for("the answer's end", lambda: window.names("Answer: ") and not busy(window))


def busy(window):
    return any(
        node.get_name() in ("Waiting…", "Answering…") or (node.get_name() or "").startswith("Reading,")
        for node in window.walk()
        if window.has(node, "VISIBLE")
    )


def said(window):
    """What the list shows, in its order."""
    return [
        node.get_name()
        for node in window.walk()
        if (node.get_name() or "").startswith(("Question: ", "Answer: "))
        and node.get_role_name() in ("list item", "table row", "panel", "grouping")
    ]


def wait_said(window, *expected):
    wait_for(f"{expected}, not {said(window)}", lambda: said(window) == list(expected))


def buttons(window, name):
    return [
        node
        for node in window.walk()
        if node.get_name() == name and window.has(node, "VISIBLE") and window.has(node, "SENSITIVE")
    ]


def click(window, name, i=0):
    node = wait_for(name, lambda: buttons(window, name)[i : i + 1 or None])[0]
    box = node.get_extents(window.Atspi.CoordType.WINDOW)
    xdotool("mousemove", "--window", window.window, box.x + box.width // 2, box.y + box.height // 2)
    xdotool("click", 1)


def focused(window):
    return [node.get_name() for node in window.walk() if window.has(node, "FOCUSED")]


def wait_focus(window, name):
    wait_for(f"the focus on {name}, not {focused(window)}", lambda: name in focused(window))


def test_versions():
    with Window("--model", DEMO, PICTURE) as window:
        window.wait_layers()
        ask(window, FIRST)
        assert not window.names("Version "), "one version needs no switch"
        ask(window, SECOND)
        answer = said(window)[3]

        # The first answer anew: what followed the old one goes with that.
        click(window, "Ask Again", 0)
        window.wait_name("Version 2 of 2")
        wait_end(window)
        wait_said(window, f"Question: {FIRST}", "Answer: One.")
        wait_focus(window, "Message")
        window.keep("branches-again.png")
        click(window, "Previous Version")
        wait_said(window, f"Question: {FIRST}", "Answer: One.", f"Question: {SECOND}", answer)
        window.wait_name("Version 1 of 2")
        # The focus stays where the next press of a key is expected.
        wait_focus(window, "Next Version")
        keys("space")
        wait_said(window, f"Question: {FIRST}", "Answer: One.")
        wait_focus(window, "Previous Version")
        keys("space")
        wait_said(window, f"Question: {FIRST}", "Answer: One.", f"Question: {SECOND}", answer)

        # By keys alone: the last question becomes an editor, is left, and is asked anew.
        while "Message" not in focused(window):
            keys("Tab")
        keys("Up")
        wait_focus(window, "Edit the Question")
        window.keep("branches-editor.png")
        type_text("nothing")
        keys("Escape")
        wait_focus(window, "Edit")
        wait_said(window, f"Question: {FIRST}", "Answer: One.", f"Question: {SECOND}", answer)
        keys("space")
        wait_focus(window, "Edit the Question")
        keys("ctrl+a")
        type_text(OTHER)
        keys("Return")
        wait_said(window, f"Question: {FIRST}", "Answer: One.", f"Question: {OTHER}", "Answer: No.")
        wait_end(window)
        wait_for("two switches", lambda: len(window.names("Version ")) == 2)
        window.keep("branches-edited.png")


def test_kept():
    """The branch that was shown last is shown again; a search finds the other one."""
    with Window("--model", DEMO) as window:
        keys("ctrl+shift+s")
        row = wait_for("the conversation", lambda: window.names(f"Conversation: {FIRST}"))
        assert len(row) == 1, row
        wait_for("the search's focus", lambda: focused(window))
        open_found(window)
        wait_said(window, f"Question: {FIRST}", "Answer: One.", f"Question: {OTHER}", "Answer: No.")
        window.wait_name("Version 1 of 2")
        window.wait_name("Version 2 of 2")
        window.keep("branches-opened.png")
        keys("ctrl+shift+s")
        keys("ctrl+shift+s")
        type_text("circle")
        window.wait_name("circle")
        time.sleep(0.3)
        open_found(window)
        window.wait_name(f"Question: {SECOND}")
        window.keep("branches-found.png")


def open_found(window):
    for _ in range(12):
        if any(name and name.startswith("Conversation: ") for name in focused(window)):
            keys("Return")
            return
        keys("Tab")
        time.sleep(0.1)
    raise AssertionError("the keyboard does not come to the conversation")


def test_narrow():
    with Window("--model", DEMO, size=(360, 640)) as window:
        keys("ctrl+shift+s")
        wait_for("the conversation", lambda: window.names(f"Conversation: {FIRST}"))
        open_found(window)
        keys("F9")
        window.wait_name("Version 1 of 2")
        geometry = xdotool("getwindowgeometry", "--shell", window.window)
        assert "WIDTH=360" in geometry, geometry
        window.keep("branches-narrow.png")


harness.run(test_versions, test_kept, test_narrow)
