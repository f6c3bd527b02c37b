"""Every state of the window without eyes and without a mouse: what is shown has a name, a role and a
value, Tab and the arrow keys lead to all of it, in reading order and round again, and one sees where
one is.

Nothing here knows a control: what is added to a state is walked through with the rest of it. What
is let off is in walking.py, with the reason.
"""

import os
import time

import harness
import walking
from harness import DEMO, FIXTURES, TOP, Window, keys, wait_for, xdotool

DETAIL = os.environ.get("STRATA_UI_DETAIL")  # each stop of Tab
PICTURE = TOP / "data/samples/rocket-and-ring.png"


class States:
    """Walks through each state and keeps what is wrong, so that one run tells all of it."""

    def __init__(self, window):
        self.window, self.walker, self.faults = window, walking.Walker(window), []
        self.controls = []  # of the state before

    def press(self, name):
        """What was shown just now, or has come since."""
        for control in self.controls:
            if control.name.strip() == name and control.acts:
                control.node.do_action(0)
                return
        for node in self.window.walk():
            if (node.get_name() or "").strip() == name and node.get_n_actions():
                node.do_action(0)
                return
        raise AssertionError(f"nothing to press is named {name}")

    def visit(self, state, root=None, by_keys=True):
        self.walker.rest()
        root = root or self.window.frame
        controls = self.controls = walking.shown(self.window, root)
        assert len(controls) > 5, f"{state}: only {len(controls)} things are shown"
        faults = walking.check_window(root) + walking.check_names(controls, self.walker.used)
        stops = []
        if by_keys:
            by_keys_faults, stops = self.walker.check_keys(controls)
            faults += by_keys_faults
            assert len(stops) > 1, f"{state}: Tab leads nowhere"
        print(f"# {state}: {len(controls)} shown, Tab stops at {len(stops)}")
        if DETAIL:
            print("\n".join(f"#     {control or path}" for path, control in stops))
        self.faults += [f"{state}: {fault}" for fault in faults]

    def visit_dialog(self, state, title):
        """The window of that title, which is closed afterwards."""
        window = self.window
        x_id = wait_for(f"the window {title}", lambda: x_window(title))
        give_focus(x_id)
        application = window.frame.get_application()
        root = wait_for(f"the dialog {title}", lambda: find_dialog(window, application))
        self.visit(state, root)
        keys("Escape")
        wait_for(f"the end of {title}", lambda: not x_window(title))
        self.controls = []  # they are gone
        give_focus(window.window)


def x_window(title):
    found = xdotool("search", "--onlyvisible", "--name", title)
    return found[-1] if found else None


def give_focus(x_id):
    """A window that has just come refuses it for a moment."""

    def given():
        xdotool("windowfocus", x_id)
        time.sleep(0.1)
        return xdotool("getwindowfocus", "-f") == [x_id]

    wait_for(f"the focus of window {x_id}", given)


def find_dialog(window, application):
    for i in range(application.get_child_count()):
        child = application.get_child_at_index(i)
        if child.path != window.frame.path and window.has(child, "VISIBLE"):
            return child
    return None


def check(states):
    assert not states.faults, "\n" + "\n".join(states.faults)


def test_window():
    with Window("--model", "demo") as window:
        states = States(window)
        window.wait_name("No Picture Yet")
        states.visit("welcome")
        states.press("Sample picture: A rocket and a green ring on black")
        window.wait_layers()
        states.visit("picture", by_keys=False)
        for key, view in (("alt+e", "depth"), ("alt+u", "picture alone")):
            keys(key)
            states.visit(view, by_keys=False)
        keys("alt+m")
        states.press("What is right of the rocket?")
        window.wait_name("Answer: A")
        states.visit("answer")
        keys("ctrl+shift+s")
        window.wait_name("Search the conversations")
        states.visit("conversations")
        keys("ctrl+shift+s")
        states.press("Details")
        states.visit("details")
        states.press("Routing")
        for part in ("Weight of what is kept", "Choice of words", "Brush"):
            states.press(part)
        states.visit("routing")
        states.press("Brush")
        states.press("Details")
        keys("ctrl+d")
        window.wait_name("A, as set")
        states.visit("compare")
        keys("ctrl+d")
        check(states)


def test_dialogs():
    with Window("--model", "demo", PICTURE) as window:
        states = States(window)
        window.wait_layers()
        keys("ctrl+e")
        states.visit_dialog("export", "^Export$")
        states.press("Routing")
        time.sleep(0.3)
        states.press("Sweep\u2026")
        states.visit_dialog("sweep", "^Sweep$")
        keys("ctrl+question")
        states.visit_dialog("shortcuts", "^Keyboard Shortcuts$")
        xdotool("windowsize", window.window, 360, 640)
        states.visit("narrow")
        check(states)


def test_camera():
    with Window("--model", DEMO, "--camera", "file:/nowhere.ogv") as window:
        states = States(window)
        window.wait_name("The Film Cannot Be Played")
        states.visit("camera page")
        check(states)
    with Window("--model", DEMO, "--camera", "test") as window:
        states = States(window)
        window.wait_layers()
        states.visit("camera", by_keys=False)
        check(states)


if __name__ == "__main__":
    harness.run(test_window, test_dialogs, test_camera)
