"""Every state of the window without eyes and without a mouse: what is shown has a name, a role and a
value, Tab and the arrow keys lead to all of it, in reading order and round again, and one sees where
one is.

Nothing here knows a control: what is added to a state is walked through with the rest of it. What
is let off is in walking.py, with the reason.
"""

import harness
from harness import DEMO, TOP, Window, keys
from walkstates import States, check

PICTURE = TOP / "data/samples/rocket-and-ring.png"


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
    harness.run(test_window, test_camera)
