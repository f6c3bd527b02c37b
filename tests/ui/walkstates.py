"""The states of a window that are walked through, and the windows and popovers beside it. See walking.py
for what must hold in each."""

import os
import re
import time

import walking
from harness import keys, wait_for, xdotool

DETAIL = os.environ.get("STRATA_UI_DETAIL")  # each stop of Tab


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
        self.window.press(name)

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

    def visit_popover(self, state, opens, by_keys=True):
        """What comes over the window when opens is called; closed afterwards."""
        window = self.window
        before = x_windows(window)
        opens()
        x_id = wait_for(f"a popover, {state}", lambda: x_windows(window) - before).pop()

        def find():
            """It may still grow."""
            place = dict(line.split("=") for line in xdotool("getwindowgeometry", "--shell", x_id))
            x, y, *size = (int(place[part]) for part in ("X", "Y", "WIDTH", "HEIGHT"))
            root = find_popover(window, size)
            return root and (root, x, y)

        root, x, y = wait_for(f"the popover, {state}", find)
        box = walking.box_of(window.Atspi, root)
        self.walker.origin = x - box[0], y - box[1]
        self.visit(state, root, by_keys)
        self.walker.origin = 0, 0
        # Out of what is inside of it first.
        gone = lambda: x_id not in x_windows(window) or keys("Escape")
        wait_for(f"the end of {state}", gone, 10)
        self.controls = []

    def visit_dialog(self, state, title, inside=None):
        """The window of that title, which is closed afterwards; inside: what else is done in it."""
        window = self.window
        x_id = wait_for(f"the window {title}", lambda: x_window(title))
        give_focus(x_id)
        application = window.frame.get_application()
        root = wait_for(f"the dialog {title}", lambda: find_dialog(window, application, title))
        self.visit(state, root)
        if inside:
            inside(root)
        keys("Escape")
        wait_for(f"the end of {title}", lambda: not x_window(title))
        self.controls = []  # they are gone
        give_focus(window.window)


def x_windows(window):
    return set(xdotool("search", "--onlyvisible", "--pid", window.process.pid))


def find_popover(window, size):
    """By its size: GTK 4.8 does not say that it is one."""
    for node in window.walk():
        if node.get_role_name() == "filler" and list(walking.box_of(window.Atspi, node)[2:]) == size:
            return node
    return None


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


def find_dialog(window, application, title):
    for i in range(application.get_child_count()):
        child = application.get_child_at_index(i)
        if child and re.search(title, child.get_name() or "") and window.has(child, "VISIBLE"):
            return child
    return None


def check(states):
    assert not states.faults, "\n" + "\n".join(states.faults)
