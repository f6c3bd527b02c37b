"""The windows beside the main one: the program's keys work in each, and they go with it."""

import tempfile

import harness
import training
from harness import DEMO, TOP, Window, keys, wait_for, xdotool

PICTURE = TOP / "data/samples/rocket-and-ring.png"


def others(window):
    """X windows of the program beside its main one."""
    found = xdotool("search", "--onlyvisible", "--pid", window.process.pid)
    return [x_id for x_id in found if x_id != window.window]


def give_focus(x_id):
    """A window that has just come refuses it for a moment."""

    def given():
        xdotool("windowfocus", x_id)
        return xdotool("getwindowfocus", "-f") == [x_id]

    wait_for(f"the focus of window {x_id}", given)


def open_one(window, *opens):
    """The X window that comes; opens: keys, or names of what is pressed."""
    before = set(others(window))
    give_focus(window.window)
    for step in opens:
        if step in BUTTONS:
            window.press(step)
        else:
            keys(step)
    come = lambda: [x_id for x_id in others(window) if x_id not in before]
    x_id = wait_for(f"a window after {opens}", come)[-1]
    give_focus(x_id)
    return x_id


BUTTONS = SWEEP = ("Routing", "Sweep\u2026")
ALL = {
    "models": ("ctrl+m",),
    "export": ("ctrl+e",),
    "preferences": ("ctrl+comma",),
    "shortcuts": ("ctrl+question",),
    "help": ("F1",),
    "about": ("F10", "Up", "Up", "Return"),
    "sweep": SWEEP,
}


def test_keys():
    with Window("--model", DEMO, PICTURE) as window:
        window.wait_layers()
        for name, opens in ALL.items():
            x_id = open_one(window, *opens)
            keys("ctrl+w")
            wait_for(f"Ctrl+W to close {name}", lambda: x_id not in others(window), 10)
        assert window.process.poll() is None
        # Help over a window that lets nothing else be used can be used itself.
        open_one(window, "ctrl+comma")
        before = set(others(window))
        keys("F1")
        x_id = wait_for("help", lambda: [x for x in others(window) if x not in before])[-1]
        give_focus(x_id)
        keys("Escape")
        wait_for("help to go", lambda: x_id not in others(window), 10)
        # What is there already is come back to: nothing piles up.
        preferences = next(iter(before))
        give_focus(preferences)
        keys("ctrl+comma")
        keys("ctrl+question")
        x_id = wait_for("the shortcuts", lambda: [x for x in others(window) if x not in before])[-1]
        give_focus(x_id)
        keys("ctrl+question")
        keys("ctrl+comma")
        wait_for("the shortcuts to go", lambda: others(window) == [preferences], 10)
        give_focus(preferences)
        keys("Escape")
        wait_for("the preferences to go", lambda: not others(window), 10)
        open_one(window, *SWEEP)
        # This block ends with Ctrl+Q: there.


def test_end():
    """Whatever is open beside it, the program ends with its main window."""
    with tempfile.TemporaryDirectory() as folder:
        window = Window("--model", DEMO, training.make(folder))
        # Which of the two came first does not matter.
        main = lambda: xdotool("search", "--onlyvisible", "--name", "^Strata$")
        window.window = wait_for("the main window", main)[0]
        wait_for("the training", lambda: others(window))
        open_one(window, "ctrl+m")
        open_one(window, "F1")
        assert len(others(window)) == 3, others(window)
        give_focus(window.window)
        keys("ctrl+w")
        code = window.process.wait(20)
        window.pass_on_messages()
        assert code == 0, f"strata ended with {code}"


if __name__ == "__main__":
    harness.run(test_keys, test_end)
