"""Folders of conversations in the real window: made, named in place, filled by menu and by dragging,
shown, removed and brought back, at any width."""

import time

import harness
from harness import DEMO, FIXTURES, Window, keys, type_text, wait_for, xdotool

PICTURES = [FIXTURES / "demo/seen-00.png", FIXTURES / "demo/seen-01.png"]
QUESTIONS = ["How many sailboats are there?", "How many balloons are there?"]


def items(window, prefix):
    return [
        node
        for node in window.walk()
        if (node.get_name() or "").startswith(prefix) and node.get_role_name() == "list item"
    ]


def titles(window):
    return [node.get_name().split(": ", 1)[1].split(",")[0] for node in items(window, "Conversation: ")]


def folders(window):
    return [node.get_name().split(": ", 1)[1] for node in items(window, "Folder: ")]


def wait_folders(window, *expected):
    wait_for(f"the folders {expected}", lambda: folders(window) == list(expected))


def wait_titles(window, *expected):
    wait_for(f"the conversations {expected}", lambda: titles(window) == list(expected))


def named(window, name):
    return wait_for(name, lambda: [n for n in window.walk() if n.get_name() == name])[0]


def focus(window, prefix):
    for _ in range(30):
        found = [n for n in items(window, "") if window.has(n, "FOCUSED")]
        if found and found[0].get_name().startswith(prefix):
            return
        # Within a list by arrows, from list to list by Tab.
        inside = found and found[0].get_name().split(":")[0] == prefix.split(":")[0]
        keys("Down" if inside else "Tab")
        time.sleep(0.1)
    raise AssertionError(f"the keyboard does not come to {prefix}")


def ask(window, question):
    type_text(question)
    keys("Return")
    window.wait_name("Answer: ")
    wait_for("the answer's end", lambda: not window.names("Answering") and not window.names("Reading"))


def drag(window, start, end):
    xdotool("mousemove", "--window", window.window, *window.middle(start))
    xdotool("mousedown", 1)
    x, y = window.middle(start)
    to_x, to_y = window.middle(end)
    for i in range(1, 13):
        xdotool("mousemove", "--window", window.window, x + (to_x - x) * i // 12, y + (to_y - y) * i // 12)
        time.sleep(0.03)
    time.sleep(0.2)
    xdotool("mouseup", 1)


def show_list(window):
    keys("ctrl+shift+s")
    wait_for("the list", lambda: items(window, "Conversation: "))
    time.sleep(0.3)


def test_make_and_fill():
    with Window("--model", DEMO, PICTURES[0]) as window:
        window.wait_layers()
        ask(window, QUESTIONS[0])
        show_list(window)
        assert not folders(window), "without folders there is no list of them"
        # By keyboard: the menu of the conversation, "Move to", "New Folder"; its name is typed at once.
        focus(window, f"Conversation: {QUESTIONS[0]}")
        keys("Menu")
        wait_for("the menu", lambda: [n for n in window.everything() if n.get_name() == "Move to"])
        time.sleep(0.3)
        keys("Up", "Up", "Return")
        wait_for("its folders", lambda: [n for n in window.everything() if n.get_name() == "New Folder"])
        time.sleep(0.3)
        window.keep("folders-menu.png")
        keys("Down", "Return")
        wait_for(
            "the name as an entry",
            lambda: [
                n for n in window.walk() if n.get_name() == "The folder’s name" and window.has(n, "FOCUSED")
            ],
        )
        type_text("Boats")
        window.keep("folders-naming.png")
        keys("Return")
        wait_folders(window, "all conversations, shown now", "Boats, 1 conversation")
        wait_for("where it lies", lambda: "· Boats" in items(window, "Conversation: ")[0].get_name())
        # By the button; it is named at once as well.
        window.click(named(window, "New folder"))
        wait_for("another entry", lambda: window.names("The folder’s name"))
        type_text("Sky")
        keys("Return")
        wait_folders(window, "all conversations, shown now", "Boats, 1 conversation", "Sky, 0 conversations")
        # What begins while a folder is shown is put there.
        window.click(items(window, "Folder: Sky")[0])
        wait_titles(window)
        window.wait_name("Nothing is in this folder yet")
        keys("ctrl+n")
    with Window("--model", DEMO, PICTURES[1]) as window:
        window.wait_layers()
        keys("ctrl+shift+s")
        wait_folders(window, "all conversations, shown now", "Boats, 1 conversation", "Sky, 0 conversations")
        focus(window, "Folder: all")
        keys("Down", "Down", "Return")
        wait_for("Sky is shown", lambda: "Sky, 0 conversations, shown now" in folders(window))
        wait_titles(window)
        while not any(
            window.has(n, "FOCUSED") and n.get_role_name() in ("text", "text box") for n in window.walk()
        ):
            keys("Tab")
        ask(window, QUESTIONS[1])
        wait_titles(window, QUESTIONS[1])
        window.keep("folders-shown.png")
        # By mouse: dragged to another folder, and its place in the list stays.
        window.click(items(window, "Folder: all")[0])
        wait_titles(window, QUESTIONS[1], QUESTIONS[0])
        drag(window, items(window, "Conversation: ")[0], items(window, "Folder: Boats")[0])
        wait_folders(
            window, "all conversations, shown now", "Boats, 2 conversations", "Sky, 0 conversations"
        )
        drag(window, items(window, "Conversation: ")[1], items(window, "Folder: all")[0])
        wait_folders(window, "all conversations, shown now", "Boats, 1 conversation", "Sky, 0 conversations")
        wait_titles(window, QUESTIONS[1], QUESTIONS[0])
        window.keep("folders.png")


def test_rename_and_delete():
    with Window("--model", DEMO, size=(360, 640)) as window:
        show_list(window)
        wait_folders(window, "all conversations, shown now", "Boats, 1 conversation", "Sky, 0 conversations")
        window.keep("folders-narrow.png")
        focus(window, "Folder: Boats")
        keys("F2")
        wait_for("the entry", lambda: window.names("The folder’s name"))
        keys("ctrl+a")
        type_text("Sky")
        keys("Return")
        window.wait_name("The folder keeps its name")
        focus(window, "Folder: Boats")
        keys("F2")
        wait_for("the entry", lambda: window.names("The folder’s name"))
        keys("ctrl+a")
        type_text("Ships")
        keys("Return")
        wait_folders(window, "all conversations, shown now", "Ships, 1 conversation", "Sky, 0 conversations")
        keys("Return")
        wait_titles(window, QUESTIONS[1])
        focus(window, "Folder: Ships")
        keys("Delete")
        wait_folders(window, "all conversations, shown now", "Sky, 0 conversations")
        wait_titles(window, QUESTIONS[1], QUESTIONS[0])
        window.wait_name("Folder deleted")
        window.keep("folders-deleted.png")
        time.sleep(0.5)
        window.click(named(window, "Undo"))
        wait_folders(window, "all conversations", "Ships, 1 conversation, shown now", "Sky, 0 conversations")
        wait_titles(window, QUESTIONS[1])
        geometry = xdotool("getwindowgeometry", "--shell", window.window)
        assert "WIDTH=360" in geometry, geometry


harness.run(test_make_and_fill, test_rename_and_delete)
