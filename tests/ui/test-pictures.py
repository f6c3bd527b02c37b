"""Several pictures in one conversation: added by key and by paste, named, counted, taken off, asked
about, looked at one by one, kept with their question and there the next time."""

import contextlib
import pathlib
import subprocess
import sys
import time

import harness
from harness import DEMO, FIXTURES, Window, keys, type_text, wait_for, xdotool

FIRST = "How many sailboats are there?"
SECOND = "What is this?"
OTHER = "Do you see a sunflower?"
ADDED = FIXTURES / "demo/seen-01.png"
NEW = FIXTURES / "demo/seen-03.png"


def focused(window):
    return [node.get_name() for node in window.walk() if window.has(node, "FOCUSED")]


def wait_focus(window, name):
    wait_for(f"the focus on {name}", lambda: name in focused(window))


def go_to(window, name, key):
    for _ in range(12):
        if name in focused(window):
            return
        keys(key)
    raise AssertionError(f"{key} does not lead to {name}: {focused(window)}")


def click(window, start):
    """On the first that has such a name."""
    found = lambda: [n for n in window.walk() if (n.get_name() or "").startswith(start)]
    window.click(wait_for(start, found)[0])


def add_by_key(window, path):
    keys("ctrl+shift+a")
    window.choose_file("Add a Picture", path)
    window.wait_name(f"Remove {path.name}")


def counted(window):
    """Tokens of the next question, as its line says."""
    found = [n for n in window.names("question take ") if n.split(" take ")[1].split()[0].isdigit()]
    return found and int(found[0].split(" take ")[1].split()[0])


def wait_counted(window, n):
    wait_for(f"{n} tokens", lambda: counted(window) == n)


def brought(window):
    """Of each question that brought pictures, their names."""
    groups = [n for n in window.walk() if n.get_name() == "Pictures of this question"]
    return [[n.get_name() for n in window.walk(g) if n.get_role_name() == "image"] for g in groups]


def wait_answer(window, question):
    window.wait_name(f"Question: {question}")
    wait_for("the answer's end", lambda: not {"Waiting…", "Answering…"}.intersection(window.names("…")))
    wait_for("its maps", lambda: window.names("Its maps are shown"))


def ask(window, question):
    type_text(question)
    keys("Return")
    wait_answer(window, question)


def wait_parts(window, n):
    wait_for(f"maps of {n} parts", lambda: any(f"of {n}" in cell.get_name() for cell in window.layers()))


@contextlib.contextmanager
def copied(path):
    """A picture that another program has copied."""
    owner = [sys.executable, pathlib.Path(__file__).with_name("clipboard-owner.py"), path]
    with subprocess.Popen(owner, stdout=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout.readline() == "ready\n"
            yield
        finally:
            program.terminate()


def test_pictures():
    with (
        copied(FIXTURES / "demo/seen-02.png"),
        Window("--model", DEMO, FIXTURES / "demo/seen-00.png") as window,
    ):
        window.wait_layers()
        ask(window, FIRST)
        wait_for("the meter", lambda: counted(window))
        alone = counted(window)
        assert not brought(window), "the conversation's own picture is on the stage"

        # By key; taken off again by key, and the entry has the focus.
        add_by_key(window, ADDED)
        wait_counted(window, alone + 66)
        window.wait_name("The pictures and this question take")
        go_to(window, f"Remove {ADDED.name}", "shift+Tab")
        keys("Delete")
        wait_focus(window, "Message")
        assert not window.names("Remove ") and not window.names("Pictures of the next question")
        wait_counted(window, alone)

        # What is pasted there comes with the question; the conversation goes on.
        add_by_key(window, ADDED)
        go_to(window, "Message", "Tab")
        keys("ctrl+v")
        window.wait_name("Remove Pasted picture")
        wait_counted(window, alone + 132)
        window.keep("pictures-attached.png")
        ask(window, SECOND)
        assert window.names(f"Question: {FIRST}"), "it is another conversation"
        wait_for("what it brought", lambda: brought(window) == [[ADDED.name, "Pasted picture"]])
        assert not window.names("Remove "), "they come with the next question, too"
        wait_parts(window, 192)

        # The stage shows the first of them; the others by key.
        window.wait_name(f"{ADDED.name}, layer")
        window.wait_name("Picture 2")
        window.keep("pictures-asked.png")
        stage = window.frame.get_name()
        assert stage.startswith("seen-00.png"), stage
        click(window, f"{ADDED.name}, layer")
        keys("Page_Down")
        window.wait_name("Pasted picture, layer")
        keys("Page_Up", "Page_Up", "Page_Up")
        window.wait_name("seen-00.png, layer")

        # A click on what a question brought shows it on the stage, Enter on it does.
        click(window, "Look at Pasted picture")
        window.wait_name("Pasted picture, layer")
        wait_focus(window, "Look at Pasted picture")
        keys("shift+Tab", "Return")
        window.wait_name(f"{ADDED.name}, layer")
        window.keep("pictures-looked-at.png")

        # The question anew brings them, too.
        click(window, "Message")
        wait_focus(window, "Message")
        keys("Up")
        wait_focus(window, "Edit the Question")
        keys("ctrl+a")
        ask(window, OTHER)
        wait_for("what it brings", lambda: brought(window) == [[ADDED.name, "Pasted picture"]])
        wait_parts(window, 192)

        # A question that brings one shows that one, whichever was looked at before.
        window.wait_name(f"{ADDED.name}, layer")
        click(window, f"{ADDED.name}, layer")
        keys("Page_Up")
        window.wait_name("seen-00.png, layer")
        click(window, "Message")
        wait_focus(window, "Message")
        add_by_key(window, NEW)
        ask(window, SECOND)
        wait_parts(window, 256)
        window.wait_name(f"{NEW.name}, layer")
        names = [cell.get_name() for cell in window.layers()]

        # What is added and not yet sent stays for the next conversation, as what is typed does.
        click(window, "Message")
        wait_focus(window, "Message")
        type_text("typed")
        add_by_key(window, ADDED)
        keys("ctrl+n")
        wait_for("a new conversation", lambda: not window.names("Question: "))
        assert window.names(f"Remove {ADDED.name}"), "what was added is lost"
        window.keep("pictures-kept.png")

    with Window("--model", DEMO) as window:
        keys("ctrl+shift+s")
        wait_for("the list", lambda: window.names(f"Conversation: {FIRST}"))
        click(window, f"Conversation: {FIRST}")
        window.wait_name(f"Question: {OTHER}")
        kept = [[ADDED.name, "Pasted picture"], [NEW.name]]
        wait_for("what they brought", lambda: brought(window) == kept)
        wait_for("the maps that were there", lambda: [c.get_name() for c in window.layers()] == names)
        window.wait_name("The pictures and this question take")
        window.wait_name("seen-00.png, layer")
        window.keep("pictures-opened.png")


harness.run(test_pictures)
