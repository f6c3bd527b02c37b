"""The page of routing in the real window: sliders, the curve, presets, asking again, a sweep.

Run against the bundled model: it is the one whose sliders people drag.
"""

import os
import time

import harness
from harness import TOP, Window, keys, type_text, xdotool

STAR = TOP / "data/samples/star.png"
QUESTION = "What is this?"


def frames(window):
    application = window.frame.get_parent()
    return [application.get_child_at_index(i) for i in range(application.get_child_count())]


def find(window, name, role=None, last=False):
    """The first object of that very name and role; without a role the one that can be pressed, which
    its label, of the same name, cannot. last: only in the window that was opened last."""

    def look():
        for frame in frames(window)[-1 if last else 0 :]:
            for node in window.walk(frame):
                if (node.get_name() or "").strip() != name:
                    continue
                if node.get_role_name() == role if role else node.get_n_actions() == 1:
                    return node
        return None

    return harness.wait_for(f'"{name}"', look, 20)


def value(node):
    return node.get_current_value()


def kept(window, layer):
    """How many parts the layer's cell says it keeps; all of them where it is plain."""
    name = window.layers()[layer].get_name()
    return int(name.split("keeps ")[1].split(" of")[0]) if "keeps" in name else None


def box(node):
    """Where it is on the screen, once it is; the window's edge is not part of its coordinates."""
    from gi.repository import Atspi

    def look():
        place = node.get_extents(Atspi.CoordType.WINDOW)
        return place if place.width > 1 else None

    place = harness.wait_for(f"the place of {node.get_name()}", look, 20)
    return place.x + 5, place.y + 5, place.width, place.height


def ratio(window, layer):
    """What the line under the curve says of the chosen layer: 0.39 of "Layer 4: 0.39, as trained"."""
    for name in window.names(f"Layer {layer}: "):
        words = name.split(": ")[1].split()
        if words[0].rstrip(",").replace(".", "", 1).isdigit():
            return float(words[0].rstrip(","))
    return None


def open_routing(window):
    window.wait_layers()
    window.press("Routing")
    return find(window, "Factor", "slider")


def settle(window, what, check):
    return harness.wait_for(what, check, 20)


def focus(window, node):
    """With the Tab key, as whoever has no mouse."""
    for _ in range(60):
        if window.has(node, "FOCUSED"):
            return
        keys("Tab")
        time.sleep(0.05)
    raise AssertionError(f"Tab does not come to {node.get_name()}")


def drag(x, y, to_x, to_y, n_steps=10):
    xdotool("mousemove", x, y)
    time.sleep(0.2)
    xdotool("mousedown", 1)
    for i in range(1, n_steps + 1):
        xdotool("mousemove", x + (to_x - x) * i // n_steps, y + (to_y - y) * i // n_steps)
        time.sleep(0.03)
    xdotool("mouseup", 1)


def test_slider_and_reset():
    with Window(STAR) as window:
        factor = open_routing(window)
        window.wait_name("As trained")
        before = [kept(window, layer) for layer in range(8)]
        cost = window.wait_name("% of dense")
        assert abs(value(factor) - 0.5) < 1e-6, value(factor)

        # With the keys: the maps follow, and the cost is there before.
        focus(window, factor)
        keys(*["Right"] * 20)
        settle(window, "the slider at 0.7", lambda: abs(value(factor) - 0.7) < 1e-6)
        window.wait_name("Outside training")
        settle(window, "maps of 0.7", lambda: kept(window, 4) == int(144 * 0.5887))
        after = [kept(window, layer) for layer in range(8)]
        assert after[7] > before[7], (before, after)
        assert window.wait_name("% of dense") != cost

        keys("ctrl+r")
        window.wait_name("As trained")
        settle(
            window,
            "the trained maps",
            lambda: [kept(window, layer) for layer in range(8)] == before,
        )
        assert abs(value(factor) - 0.5) < 1e-6


def test_curve():
    with Window(STAR) as window:
        open_routing(window)
        curve = find(window, "Ratio of layer 4", "slider")
        start = settle(window, "its ratio", lambda: ratio(window, 4))
        left, top, width, height = box(curve)

        # The keys: layers through the selection that the strip has as well, then the ratio.
        focus(window, curve)
        keys("Right")
        settle(window, "layer 5 chosen", lambda: window.selected_layer() == 5)
        find(window, "Ratio of layer 5", "slider")
        keys("Left")
        find(window, "Ratio of layer 4", "slider")
        keys("Up", "Up", "Up")
        settle(window, "0.03 more", lambda: ratio(window, 4) == round(start + 0.03, 2))
        settle(window, "its map", lambda: kept(window, 4) == int(144 * (start + 0.03)))
        keys("Next")
        settle(window, "0.1 less", lambda: ratio(window, 4) == round(start - 0.07, 2))
        window.wait_name("by hand, trained 0.39")
        keys("Delete")
        settle(window, "the schedule's own", lambda: ratio(window, 4) == start)
        window.wait_name("As trained")

        # A layer without a router is told, and stays.
        keys("Home")
        window.wait_name("it has no router")
        keys("Down", "Down")
        time.sleep(0.3)
        assert kept(window, 0) is None
        window.wait_name("As trained")

        # The mouse: layer 5's point, up by a third of the curve.
        before = kept(window, 5)
        x = int(left + 38 + (width - 44) * 5.5 / 8)
        drag(x, top + height // 2, x, top + height // 2 - height // 3)
        settle(window, "layer 5 chosen", lambda: window.selected_layer() == 5)
        settle(window, "a larger ratio", lambda: (ratio(window, 5) or 0) > 0.45)
        settle(window, "its map", lambda: kept(window, 5) == int(144 * ratio(window, 5) + 1e-6))
        assert kept(window, 5) > before
        xdotool("click", "--repeat", 2, "--delay", 60, 1)
        window.wait_name("As trained")


def test_presets():
    with Window(STAR) as window:
        factor = open_routing(window)
        focus(window, factor)
        keys("Right", "Right", "Right")
        window.wait_name("Own settings")
        window.press("Save preset")
        find(window, "Name of the preset", "text")
        time.sleep(0.5)
        type_text("A little more")
        keys("Return")
        window.wait_name("A little more")
        keys("ctrl+r")
        window.wait_name("As trained")
        saved = harness.pathlib.Path(os.environ["XDG_CONFIG_HOME"], "strata/presets.ini")
        assert "name=A little more" in saved.read_text()
        assert "factor=0.53" in saved.read_text()

    # The next start has it, after the three that every model has.
    with Window(STAR) as window:
        factor = open_routing(window)
        drop_down = find(window, "Preset", "push button")
        focus(window, drop_down)
        keys("space")
        time.sleep(0.5)
        keys("End", "Return")
        settle(window, "its factor", lambda: abs(value(factor) - 0.53) < 1e-6)
        window.press("Delete preset")
        window.wait_name("Own settings")
        assert "A little more" not in saved.read_text()


def tokens(window):
    """In the context of the run that is shown: the picture alone, or with question and answer."""
    names = window.names(" of 1024 tokens")
    return int(names[0].split()[0]) if names else 0


def test_ask_again():
    with Window(STAR) as window:
        window.wait_layers()
        picture = settle(window, "the picture's tokens", lambda: tokens(window))
        window.press(QUESTION)
        window.wait_name("Answer: A yellow star.")
        factor = open_routing(window)
        settle(window, "tokens of the answer", lambda: tokens(window) > picture + 5)

        # Off: a change reads the picture, and asks nothing.
        focus(window, factor)
        keys("Right")
        settle(window, "the picture alone", lambda: tokens(window) == picture)
        time.sleep(1.5)
        assert tokens(window) == picture

        # On: the last question once the slider rests, and its answer in the place of the old one.
        window.press("Ask again when settings change")
        keys("Home")
        settle(window, "the factor at 0", lambda: value(factor) == 0)
        settle(window, "another answer", lambda: tokens(window) > picture + 5)
        assert kept(window, 4) == int(144 * 0.15), kept(window, 4)
        window.press("Conversation")
        window.wait_name("Answer:")
        assert len(window.names("Question: ")) == 1
        settle(window, "one receipt", lambda: len(window.names("tokens · first word")) == 1)


def test_sweep():
    with Window(STAR) as window:
        open_routing(window)
        window.press("Sweep…")
        start = find(window, "Start", "push button")
        window_has = lambda part: any(
            part in (node.get_name() or "")
            for frame in frames(window)
            for node in window.walk(frame)
        )
        harness.wait_for("a hint to ask first", lambda: window_has("Ask something about"), 20)
        keys("Escape")
        harness.wait_for("the sweep closed", lambda: len(frames(window)) == 1, 20)

        window.press("Conversation")
        window.press(QUESTION)
        window.wait_name("Answer: A yellow star.")
        window.press("Routing")
        window.press("Sweep…")
        find(window, "Start", "push button").do_action(0)
        harness.wait_for("all settings", lambda: window_has("All 17 settings"), 60)
        plot = find(window, "Points of the sweep", "slider")
        focus(window, plot)
        keys("Home", "Right")
        harness.wait_for("the second point", lambda: window_has("Factor 0.15: "), 20)
        keys("Return")
        factor = find(window, "Factor", "slider")
        settle(window, "the setting in use", lambda: abs(value(factor) - 0.15) < 1e-6)
        window.wait_name("Outside training")

        # Many settings, and no patience.
        steps = find(window, "Steps", "spin button")
        steps.set_current_value(1000)
        start = find(window, "Start", "push button")
        start.do_action(0)
        cancel = find(window, "Cancel", "push button", last=True)
        cancel.do_action(0)
        harness.wait_for("the sweep stopped", lambda: window_has("Stopped after"), 30)
        keys("Escape")


def test_wheel():
    """Over a slider or its entry it scrolls the page; the numbers stay."""
    with Window("--model", "demo", STAR, size=(1000, 600)) as window:
        factor = open_routing(window)
        for node in (factor, find(window, "Factor", "spin button")):
            x, y, width, height = box(node)
            xdotool("mousemove", x + width // 4, y + height // 2)
            time.sleep(0.2)
            xdotool("click", 5)
            settle(window, "the page scrolled", lambda: box(factor)[1] < y)
            assert abs(value(factor) - 0.5) < 1e-6, value(factor)
            xdotool("click", 4, "click", 4)
            time.sleep(0.3)


if __name__ == "__main__":
    harness.run(
        test_slider_and_reset,
        test_curve,
        test_presets,
        test_ask_again,
        test_sweep,
        test_wheel,
    )
