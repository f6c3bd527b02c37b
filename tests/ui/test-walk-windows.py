"""The windows and popovers beside the main one without eyes and without a mouse, as test-walk.py walks
through the main one."""

import re
import tempfile

import harness
import training
from harness import DEMO, TOP, Window, keys, wait_for, xdotool
from walkstates import States, check

PICTURE = TOP / "data/samples/rocket-and-ring.png"


def test_dialogs():
    with Window("--model", "demo", PICTURE) as window:
        states = States(window)
        window.wait_layers()
        keys("ctrl+e")
        states.visit_dialog("export", "^Export$")
        keys("ctrl+comma")
        states.visit_dialog("preferences", "^Preferences$")
        keys("ctrl+question")
        states.visit_dialog("shortcuts", "^Keyboard Shortcuts$")
        keys("ctrl+m")
        states.visit_dialog("models", "^Models$", lambda root: more_of_models(states, root))
        open_server(window)
        states.visit_dialog("server", "^Connect to a Server$")
        keys("F10", "Up", "Up", "Return")
        states.visit_dialog("about", "^About$")
        xdotool("windowsize", window.window, 360, 640)
        wait_for("the window to fold", lambda: is_folded(window))
        states.visit("narrow")
        check(states)


def is_folded(window):
    """Its pages have their switch at the bottom."""
    boxes = [window.box(node) for node in window.walk() if node.get_name() == "Chat"]
    return any(height > 0 and y > 500 for _, y, _, height in boxes)


def open_server(window):
    """The last entry of the model's menu."""
    menu = [n for n in window.walk() if (n.get_name() or "").startswith("Model: ") and n.get_n_actions()][0]
    menu.do_action(0)
    wait_for("the model's menu", lambda: window.names("Connect to a Server"))
    keys("Up", "Return")


def more_of_models(states, root):
    states.press("Get a Model")
    states.visit("get a model", root)


def test_popovers():
    with Window("--model", "demo", PICTURE) as window:
        states = States(window)
        window.wait_layers()
        states.press("Routing")
        wait_for("the routing", lambda: window.names("Sweep"))
        states.press("Sweep\u2026")
        states.visit_dialog("sweep", "^Sweep$")
        states.press("Conversation")
        for state, name in (("sampling", "How answers are drawn"), ("system prompt", "System prompt: the model\u2019s")):
            states.visit_popover(state, lambda: states.press(name))
        states.press("What is right of the rocket?")
        window.wait_name("Answer: A")
        wait_for("the answer's end", lambda: not window.names("Answering"))
        keys("ctrl+t")
        window.wait_name("over 90 %")
        states.visit("tokens")
        # Tab leads out of it, back to its token: between its words are arrows.
        states.visit_popover("token", lambda: show_token(window), by_keys=False)
        check(states)


def show_token(window):
    """Tab by Tab to the answer's tokens, and into what is said of one."""
    on_token = lambda: any(
        window.has(node, "FOCUSED") and re.search(r", \S+ %$", node.get_name() or "") for node in window.walk()
    )
    for _ in range(30):
        if on_token():
            break
        keys("Tab")
    assert on_token(), "Tab does not come to a token"
    keys("Return")


def test_training():
    with tempfile.TemporaryDirectory() as folder:
        with Window("--model", DEMO, training.make(folder)) as window:
            main = lambda: xdotool("search", "--onlyvisible", "--name", "^Strata$")
            window.window = wait_for("the main window", main)[0]
            states = States(window)
            states.visit_dialog("training", "^Training of small$")
            check(states)


if __name__ == "__main__":
    harness.run(test_dialogs, test_popovers, test_training)
