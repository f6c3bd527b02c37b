"""What was said in the real window is there the next time: found, shown with its maps without a
run, renamed, deleted and brought back, written to a file and read again."""

import json
import os
import pathlib
import tempfile
import time

import harness
from harness import DEMO, FIXTURES, Window, keys, type_text, wait_for, xdotool

PICTURE = FIXTURES / "demo/seen-00.png"
FIRST = "How many sailboats are there?"
SECOND = "Where is the circle?"


def ask(window, question, answer):
    type_text(question)
    keys("Return")
    window.wait_name(f"Answer: {answer}")
    wait_for("the answer's end", lambda: not window.names("Answering"))


def is_row(node):
    return (node.get_name() or "").startswith("Conversation: ") and node.get_role_name() == "list item"


def rows(window):
    return [node for node in window.walk() if is_row(node)]


def titles(window):
    return [node.get_name().split(": ", 1)[1].split(",")[0] for node in window.walk() if is_row(node)]


def wait_titles(window, *expected):
    wait_for(f"the conversations {expected}", lambda: titles(window) == list(expected))


def show_list(window):
    keys("ctrl+shift+s")
    wait_for(
        "the search to have the focus",
        lambda: any(
            window.has(node, "FOCUSED")
            for node in window.walk()
            if node.get_role_name() in ("text", "entry", "search box", "text box")
        ),
    )


def focus_row(window, title):
    def focused():
        return [row for row in rows(window) if window.has(row, "FOCUSED")]

    for _ in range(20):
        found = focused()
        if found and found[0].get_name().startswith(f"Conversation: {title},"):
            return
        keys("Down" if found else "Tab")
        time.sleep(0.1)
    raise AssertionError(f"the keyboard does not come to {title}")


def click(window, name):
    window.click(wait_for(name, lambda: [n for n in window.walk() if n.get_name() == name])[0])


def test_kept():
    with Window("--model", DEMO, PICTURE) as window:
        window.wait_layers()
        assert not rows(window), "the list is hidden at first"
        ask(window, FIRST, "One.")
        window.wait_name("Its maps are shown")
        names = [cell.get_name() for cell in window.layers()]
    with Window("--model", DEMO) as window:
        show_list(window)
        wait_titles(window, FIRST)
        window.keep("conversations.png")
        focus_row(window, FIRST)
        keys("Return")
        window.wait_name(f"Question: {FIRST}")
        window.wait_name("Answer: One.")
        wait_for(
            "the maps that were there", lambda: [cell.get_name() for cell in window.layers()] == names
        )
        wait_for("the row that is shown", lambda: "shown now" in rows(window)[0].get_name())
        window.keep("conversation-opened.png")
        # It goes on.
        keys("ctrl+shift+s")
        while not any(
            window.has(node, "FOCUSED") and node.get_role_name() in ("text", "text box")
            for node in window.walk()
        ):
            keys("Tab")
        context = window.wait_name("of 1024 tokens")
        ask(window, SECOND, "At the bottom.")
        wait_for("another context", lambda: context not in window.names("of 1024 tokens"))
        # Back to what the first answer had, by its own button.
        click(window, "Show its maps")
        window.wait_name(context)
        keys("ctrl+shift+s")
        wait_titles(window, FIRST)


def test_search_rename_delete():
    with Window("--model", DEMO, FIXTURES / "demo/seen-01.png") as window:
        window.wait_layers()
        ask(window, "How many balloons are there?", "")
        show_list(window)
        wait_titles(window, "How many balloons are there?", FIRST)
        type_text("circ")
        wait_titles(window, FIRST)
        window.wait_name("circle")
        window.keep("conversations-search.png")
        keys("Escape")
        wait_titles(window, "How many balloons are there?", FIRST)

        focus_row(window, FIRST)
        keys("F2")
        window_names = lambda: [  # noqa: E731
            node.get_name() for node in window.walk(window.frame.get_application())
        ]
        wait_for("the dialog", lambda: "Rename the Conversation" in window_names())
        time.sleep(0.5)
        keys("ctrl+a")
        type_text("Boats")
        keys("Return")
        wait_titles(window, "Boats", "How many balloons are there?")

        xdotool("windowfocus", window.window)
        focus_row(window, "Boats")
        keys("Delete")
        wait_titles(window, "How many balloons are there?")
        window.wait_name("The conversation was deleted")
        window.keep("conversations-deleted.png")
        click(window, "Undo")
        wait_for("both again", lambda: sorted(titles(window)) == ["Boats", "How many balloons are there?"])


def wait_window(window, title):
    found = wait_for(
        f"the window {title}", lambda: xdotool("search", "--onlyvisible", "--name", f"^{title}$")
    )
    time.sleep(0.5)
    xdotool("windowfocus", found[-1])


def choose_file(window, title, path, ready):
    """The path goes into the chooser's own entry."""
    wait_window(window, title)
    keys("ctrl+a") if ready else None
    type_text(str(path))
    keys("Return")
    wait_for(
        "the chooser to be gone", lambda: not xdotool("search", "--onlyvisible", "--name", f"^{title}$")
    )
    xdotool("windowfocus", window.window)


def test_files():
    with Window("--model", DEMO) as window, tempfile.TemporaryDirectory() as folder:
        show_list(window)
        wait_for("both conversations", lambda: len(rows(window)) == 2)
        path = pathlib.Path(folder, "boats.json")
        focus_row(window, titles(window)[0])
        keys("Menu")
        wait_for(
            "the menu", lambda: [n for n in window.everything() if n.get_name() == "Export as JSON…"]
        )
        time.sleep(0.3)
        window.keep("conversations-menu.png")
        keys("Down", "Return")
        choose_file(window, "Export the Conversation", path, True)
        window.wait_name("The conversation was exported")
        first = json.loads(path.read_text())
        assert first["strata_conversation"] == 1 and len(first["messages"]) >= 2, first.keys()

        click(window, "Import a conversation")
        choose_file(window, "Import a Conversation", path, False)
        wait_for("three conversations", lambda: len(rows(window)) == 3)
        wait_for("it is shown", lambda: "shown now" in rows(window)[0].get_name())
        window.wait_layers()


def showing(window):
    return [row for row in rows(window) if window.has(row, "SHOWING")]


def test_narrow():
    with Window("--model", DEMO, PICTURE, size=(360, 640)) as window:
        window.wait_layers()
        show_list(window)
        wait_for("three conversations", lambda: len(rows(window)) == 3)
        window.keep("conversations-narrow.png")
        title = titles(window)[1]
        focus_row(window, title)
        keys("Return")
        wait_for("the conversation", lambda: window.names("Answer: "))
        wait_for("the list to give way", lambda: not showing(window))
        geometry = xdotool("getwindowgeometry", "--shell", window.window)
        assert "WIDTH=360" in geometry, geometry
        window.keep("conversations-narrow-opened.png")


def test_not_saved():
    """The database cannot be opened: it is said, and the chat goes on."""
    database = pathlib.Path(os.environ["XDG_DATA_HOME"], "strata/conversations.db")
    for path in database.parent.glob("conversations.db-*"):
        path.unlink()
    database.write_text("This is not a database of conversations.")
    with Window("--model", DEMO, PICTURE) as window:
        window.wait_layers()
        window.wait_name("Not saved: ")
        ask(window, FIRST, "One.")
        window.keep("conversations-not-saved.png")
    assert database.read_text() == "This is not a database of conversations."


harness.run(test_kept, test_search_rename_delete, test_files, test_narrow, test_not_saved)
