"""A conversation is a tree: answers asked for again and questions written anew stay as versions,
are switched between with the mouse and with keys, and are there the next time."""

import re
import time

import harness
from harness import DEMO, FIXTURES, Window, keys, type_text, wait_for, xdotool

PICTURE = FIXTURES / "demo/seen-00.png"
FIRST = "How many sailboats are there?"
SECOND = "Where is the circle?"
OTHER = "Do you see a sunflower?"


def pane(window):
    """The nodes of the chat pane, which are a small part of the window's."""
    if not hasattr(window, "chat_pane"):
        node = wait_for("the entry", lambda: [n for n in window.walk() if n.get_name() == "Message"])[0]
        while not any(n.get_name() == "Conversation" for n in window.walk(node)):
            node = node.get_parent()
        window.chat_pane = node
    return window.walk(window.chat_pane)


def wait_name(window, part):
    wait_for(f'something named "{part}"', lambda: any(part in (n.get_name() or "") for n in pane(window)))


def ask(window, question):
    type_text(question)
    keys("Return")
    wait_name(window, f"Question: {question}")
    wait_end(window)


def wait_end(window):
    wait_for("the answer's end", lambda: len(said(window)) > 1 and not busy(window))


def busy(window):
    return any(
        node.get_name() in ("Waiting…", "Answering…") or (node.get_name() or "").startswith("Reading,")
        for node in pane(window)
        if window.has(node, "VISIBLE")
    )


def said(window):
    """What the list shows, in its order."""
    return [
        node.get_name()
        for node in pane(window)
        if (node.get_name() or "").startswith(("Question: ", "Answer: "))
        and node.get_role_name() in ("list item", "table row", "panel", "grouping")
    ]


def wait_said(window, *expected):
    wait_for(f"{expected}", lambda: said(window) == list(expected))


def buttons(window, name):
    return [
        node
        for node in (pane(window) if name != "Undo" else window.walk())
        if node.get_name() == name and window.has(node, "VISIBLE") and window.has(node, "SENSITIVE")
    ]


def click(window, name, i=0):
    window.click(wait_for(name, lambda: buttons(window, name)[i : i + 1 or None])[0])


def focused(window):
    return [node.get_name() for node in window.walk() if window.has(node, "FOCUSED")]


def wait_focus(window, name):
    def there():
        return any(n.get_name() == name and window.has(n, "FOCUSED") for n in pane(window))

    wait_for(f"the focus on {name}", there)


def test_versions():
    with Window("--model", DEMO, PICTURE) as window:
        window.wait_layers()
        ask(window, FIRST)
        assert not window.names("Version "), "one version needs no switch"
        ask(window, SECOND)
        answer = said(window)[3]

        # The first answer anew: what followed the old one goes with that.
        click(window, "Ask Again", 0)
        wait_name(window, "Version 2 of 2")
        wait_end(window)
        wait_said(window, f"Question: {FIRST}", "Answer: One.")
        wait_focus(window, "Message")
        window.keep("branches-again.png")
        click(window, "Previous Version")
        wait_said(window, f"Question: {FIRST}", "Answer: One.", f"Question: {SECOND}", answer)
        wait_name(window, "Version 1 of 2")
        # The focus stays where the next press of a key is expected.
        wait_focus(window, "Next Version")
        keys("space")
        wait_said(window, f"Question: {FIRST}", "Answer: One.")
        wait_focus(window, "Previous Version")
        keys("space")
        wait_said(window, f"Question: {FIRST}", "Answer: One.", f"Question: {SECOND}", answer)

        # By keys alone: the last question becomes an editor, is left, and is asked anew.
        while not any(n.get_name() == "Message" and window.has(n, "FOCUSED") for n in pane(window)):
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
        wait_for("two switches", lambda: len([n for n in pane(window) if (n.get_name() or "").startswith("Version ")]) == 2)
        window.keep("branches-edited.png")


def test_context():
    """What a question takes is counted as it is typed, and what does not fit is not sent."""
    with Window("--model", DEMO, PICTURE) as window:
        window.wait_layers()
        wait_name(window, "question take ")
        wait_for("the meter", lambda: counted(window) > 64)
        empty = counted(window)
        type_text(FIRST)
        wait_for("more tokens", lambda: counted(window) > empty)
        needed = counted(window)
        keys("Return")
        wait_said(window, f"Question: {FIRST}", "Answer: One.")
        # Three of them were answered.
        window.wait_name(f"{needed + 3} of 1024 tokens")

        xdotool("type", "--delay", 1, "#q%9~" * 16)
        keys("ctrl+a", "ctrl+c", "End")
        for _ in range(14):
            keys("ctrl+v")
        wait_name(window, "tokens do not fit: the model holds 1024")
        assert not buttons(window, "Send"), "it can be sent"
        window.keep("context-full.png")
        keys("Return")
        time.sleep(0.5)
        wait_said(window, f"Question: {FIRST}", "Answer: One.")
        keys("ctrl+a", "BackSpace")
        wait_for("the meter", lambda: counted(window) == empty)

        # Nor is it asked instead of another.
        keys("Up")
        wait_focus(window, "Edit the Question")
        for _ in range(14):
            keys("ctrl+v")
        keys("Return")
        wait_for(
            "the reason",
            lambda: [n for n in window.everything() if n.get_name() == "The question is too long"],
        )
        window.keep("context-editor.png")
        keys("Escape")
        xdotool("windowfocus", window.window)
        click(window, "Cancel")
        wait_said(window, f"Question: {FIRST}", "Answer: One.")

        # The conversation's own system prompt.
        click(window, "System prompt: the model’s")
        wait_focus(window, "System Prompt")
        wait_name(window, "was trained without a system prompt")
        type_text("You describe drawings.")
        window.keep("system-prompt.png")
        keys("ctrl+Return")
        wait_name(window, "System prompt: this conversation’s own")
        wait_for("more tokens", lambda: counted(window) > empty)
        own = counted(window)
        window.keep("system-prompt-own.png")
        keys("ctrl+n")
        wait_for("the model's own", lambda: window.names("System prompt: the model’s"))
        click(window, "Undo")
        wait_name(window, "System prompt: this conversation’s own")
        wait_for("the same tokens", lambda: counted(window) == own)


def counted(window):
    found = [re.search(r"take (\d+) of the 1024", n.get_name() or "") for n in pane(window)]
    return next((int(match[1]) for match in found if match), 0)


def test_kept():
    """The branch that was shown last is shown again; a search finds the other one."""
    with Window("--model", DEMO) as window:
        keys("ctrl+shift+s")
        row = wait_for("the conversation", lambda: window.names(f"Conversation: {FIRST}"))
        assert len(row) == 1, row
        wait_for("the search's focus", lambda: focused(window))
        open_found(window)
        wait_said(window, f"Question: {FIRST}", "Answer: One.", f"Question: {OTHER}", "Answer: No.")
        wait_name(window, "Version 1 of 2")
        wait_name(window, "Version 2 of 2")
        window.keep("branches-opened.png")
        keys("ctrl+shift+s")
        keys("ctrl+shift+s")
        type_text("circle")
        window.wait_name("circle")
        time.sleep(0.3)
        open_found(window)
        wait_name(window, f"Question: {SECOND}")
        window.keep("branches-found.png")

        # In a narrow window, too.
        keys("ctrl+shift+s")
        xdotool("windowsize", window.window, 360, 640)
        wait_for(
            "the narrow window",
            lambda: "WIDTH=360" in xdotool("getwindowgeometry", "--shell", window.window),
        )
        time.sleep(0.5)
        if not any(n.get_name() == "Chat" and window.has(n, "PRESSED") for n in window.walk()):
            keys("F9")
        wait_name(window, "Version 1 of 2")
        window.keep("branches-narrow.png")


def open_found(window):
    for _ in range(12):
        if any(name and name.startswith("Conversation: ") for name in focused(window)):
            keys("Return")
            return
        keys("Tab")
        time.sleep(0.1)
    raise AssertionError("the keyboard does not come to the conversation")


harness.run(test_versions, test_kept, test_context)
