"""Preferences in the real window: each takes effect at once, is remembered, and holds from the start.

The program takes the schema that was built with it; what is remembered goes into a file of the test's own
home. The windows for keys, help and credits are looked at here, too.
"""

import os
import pathlib

import harness
from harness import DEMO, FIXTURES, Window, keys, type_text, wait_for, xdotool

PICTURE = FIXTURES / "demo/seen-00.png"
QUESTION = "How many sailboats are there?"
# Nothing but background, beside the words of an empty conversation.
BACKGROUND = (1260, 600)


def settings_file():
    return pathlib.Path(os.environ["XDG_CONFIG_HOME"], "glib-2.0/settings/keyfile")


def use_own_settings():
    os.environ["GSETTINGS_BACKEND"] = "keyfile"
    os.environ.pop("GSETTINGS_SCHEMA_DIR", None)
    settings_file().unlink(missing_ok=True)


def remembered():
    text = settings_file().read_text() if settings_file().exists() else ""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def remember(*lines):
    """As another program would write it; there is one group."""
    path = settings_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_text("[io/github/strata/Strata]\n")
    with open(path, "a") as file:
        file.writelines(f"{line}\n" for line in lines)


def wait_remembered(key, value):
    wait_for(f"{key} to be {value}", lambda: remembered().get(key) == value, limit=10)


def names(window):
    return [node.get_name() or "" for node in window.everything()]


def wait_anywhere(window, part):
    return wait_for(f'"{part}" anywhere', lambda: next((n for n in names(window) if part in n), 0))


def front(window):
    """The window that came last."""
    application = window.frame.get_application()
    return application.get_child_at_index(application.get_child_count() - 1)


def focus(window, name):
    """Tab by Tab to what is called so, in whatever window has the keys."""

    def focused():
        return any(
            (node.get_name() or "").startswith(name) and window.has(node, "FOCUSED")
            for node in window.walk(front(window))
        )

    for _ in range(30):
        if focused():
            return
        keys("Tab")
    raise AssertionError(f"Tab does not come to {name}")


def toggle(window, name, key, value):
    focus(window, name)
    keys("space")
    wait_remembered(key, value)


def choose(window, name, n_down, key, value):
    focus(window, name)
    keys("space")
    harness.time.sleep(0.4)
    keys(*["Down"] * n_down, "Return")
    wait_remembered(key, value)


def is_dark(window):
    return sum(window.screenshot().at(*BACKGROUND)) < 3 * 80


def close_front(window, name):
    keys("Escape")
    wait_for(f"the end of {name}", lambda: name not in frames(window))
    xdotool("windowfocus", window.window)


def frames(window):
    application = window.frame.get_application()
    return [application.get_child_at_index(i).get_name() for i in range(application.get_child_count())]


def test_each_at_once():
    use_own_settings()
    with Window("--model", DEMO, PICTURE) as window:
        window.wait_layers()
        paper = window.wait_name("% of dense: ")
        assert not is_dark(window)
        # What plays stands still as soon as motion is reduced, wherever that was chosen.
        window.focus_layers()
        keys("Home", "space")
        remember("reduce-motion=true")
        window.wait_name("Next layer")
        still = window.selected_layer()
        harness.time.sleep(1.5)
        assert window.selected_layer() == still

        keys("ctrl+comma")
        wait_for("the preferences", lambda: "Preferences" in frames(window))
        choose(window, "Style", 2, "color-scheme", "'dark'")
        toggle(window, "Reduce motion", "reduce-motion", "false")
        window.wait_name("Play through the layers")
        toggle(window, "Keep conversations", "keep-conversations", "false")
        toggle(window, "Start with the last conversation", "start-with-last-conversation", "true")
        toggle(window, "Start with the model used last", "start-with-last-model", "false")
        choose(window, "Count compute by", 1, "compute-rule", "'all'")
        toggle(window, "Mirror the picture", "mirror-camera", "true")
        window.keep("preferences-dark.png")
        close_front(window, "Preferences")

        assert is_dark(window)
        wait_for("another count", lambda: window.wait_name("% of dense: ") != paper)
        focus(window, "Message")
        type_text(QUESTION)
        keys("Return")
        window.wait_name("Answer: ")
        wait_for("the answer's end", lambda: not window.names("Answering"))
        keys("ctrl+shift+s")
        window.wait_name("Nothing is kept, as you prefer")
        assert not window.names("Conversation: ")


def test_from_the_start():
    use_own_settings()
    remember(f"model='{DEMO}'")
    with Window(PICTURE) as window:
        window.wait_name("Model: demo-v0")
        window.wait_layers()
        type_text(QUESTION)
        keys("Return")
        answer = window.wait_name("Answer: ")
        wait_for("the answer's end", lambda: not window.names("Answering"))
        answer = window.wait_name("Answer: ")
        wait_for("a receipt", lambda: window.names("first word"))
    remember("start-with-last-conversation=true", "reduce-motion=true", "mirror-camera=true")
    remember("compute-rule='all'", "color-scheme='dark'")
    with Window("--camera", "test") as window:
        # Something else is to be shown: not the last conversation.
        window.wait_name("Model: demo-v0")
        button = wait_for(
            "the mirror", lambda: [n for n in window.walk() if n.get_name() == "Mirror the picture"]
        )[0]
        wait_for("it to be on", lambda: window.has(button, "PRESSED") or window.has(button, "CHECKED"))
        assert not window.names("Answer: ")
    with Window() as window:
        window.wait_name(answer)
        window.wait_name("Next layer")
        wait_for("the whole count", lambda: "All work" in names(window))
        assert is_dark(window)


def height(window, name):
    found = xdotool("search", "--onlyvisible", "--name", f"^{name}$")
    shell = xdotool("getwindowgeometry", "--shell", found[-1])
    return next(int(line.split("=")[1]) for line in shell if line.startswith("HEIGHT="))


def test_windows_of_words():
    use_own_settings()
    with Window("--model", DEMO, PICTURE, FIXTURES / "demo/seen-01.png") as window:
        # The first of them; that there are more is said in a toast, as where files are dropped.
        window.wait_name("seen-00.png \u2013 Strata")
        keys("ctrl+question")
        wait_anywhere(window, "Preferences")
        tallest = max(
            int(line.split("=")[1])
            for found in xdotool("search", "--onlyvisible", "--pid", window.process.pid)
            if found != window.window
            for line in xdotool("getwindowgeometry", "--shell", found)
            if line.startswith("HEIGHT=")
        )
        assert tallest <= 600, f"the shortcuts are {tallest} pixels high"
        window.keep("shortcuts.png")
        keys("Escape")
        xdotool("windowfocus", window.window)

        keys("F1")
        wait_anywhere(window, "One patch\u2019s journey through the layers")
        keys("Tab", "Return")
        wait_anywhere(window, "Layers 6 and 7: skipped")
        figures = [n for n in names(window) if n.startswith("Eight small maps")]
        assert figures, "the figure has no words"
        window.keep("help-journey.png")
        keys("alt+Left")
        wait_anywhere(window, "What this cannot tell")
        keys("Escape")
        xdotool("windowfocus", window.window)

        keys("F10", "Up", "Up", "Return")
        wait_anywhere(window, "The Strata developers")
        window.keep("about.png")
        keys("Escape")
        xdotool("windowfocus", window.window)


harness.run(test_each_at_once, test_from_the_start, test_windows_of_words)
