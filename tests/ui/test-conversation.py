"""Asking about a picture in the real window: answers, maps, layers by keyboard, stopping."""

import subprocess
import time

import harness
from harness import DEMO, FIXTURES, Window, keys, near, type_text

# src/app/pmod-palette.c, light: what lies over skipped parts, and how much of it.
DIM = (0x14, 0x16, 0x1C)
DIM_SHARE = 0.68


def example(image, kind):
    return next(e for e in harness.examples() if e["image"] == image and e["kind"] == kind)


def ask(window, question, answer):
    type_text(question)
    keys("Return")
    window.wait_name(f"Question: {question}")
    window.wait_name(f"Answer: {answer}")


def check_map(clear, dimmed, box, kept, side=8):
    """Every part of the picture: as it was where kept, under the dim colour where skipped."""
    left, top, right, bottom = box
    for token in range(side * side):
        x = left + (right - left) * (token % side + 0.5) / side
        y = top + (bottom - top) * (token // side + 0.5) / side
        was, now = clear.at(x, y), dimmed.at(x, y)
        expected = was
        if token not in kept:
            expected = tuple(round(c + (d - c) * DIM_SHARE) for c, d in zip(was, DIM))
        assert near(now, expected, 3), f"part {token}: expected {expected}, got {now}, was {was}"


def test_answers_and_maps():
    count = example("seen-00.png", "count")
    with Window("--model", DEMO, FIXTURES / "demo/seen-00.png") as window:
        names = window.wait_layers()
        assert names[0] == "Layer 0, plain, all kept", names[0]
        for layer, kept in count["kept"].items():
            assert f"keeps {len(kept)} of 64" in names[int(layer)], names[int(layer)]
        assert "not a learned choice" in names[5], names[5]

        ask(window, count["question"], count["answer"])
        # Later turns start from the picture's states, and this model from nothing else: what it
        # says is what it says when asked alone.
        exist = example("seen-00.png", "exist")
        ask(window, exist["question"], exist["answer"])
        ask(window, count["question"], count["answer"])
        harness.wait_for("three answers", lambda: len(window.names("picture reused")) == 3)

        window.focus_layers()
        keys("Home")
        assert window.selected_layer() == 0
        window.wait_name("Layer 0 is plain")
        clear = window.screenshot()
        box = clear.bounds((153, 50, 190))
        for layer, kept in count["kept"].items():
            keys("Right", *["Right"] * (int(layer) - window.selected_layer() - 1))
            assert window.selected_layer() == int(layer)
            window.wait_name(f"Layer {layer} keeps {len(kept)} of 64")
            check_map(clear, window.screenshot(), box, kept)
        keys("Left")
        assert window.selected_layer() == 4
        keys("End")
        assert window.selected_layer() == 5
        window.wait_name("Not a learned choice")


def test_line_break_and_new():
    with Window("--model", DEMO, FIXTURES / "demo/seen-01.png") as window:
        window.wait_layers()
        type_text("How many")
        keys("shift+Return")
        type_text("balloons are there?")
        keys("Return")
        window.wait_name("Question: How many\nballoons are there?")
        keys("ctrl+n")
        window.wait_name("New conversation")
        harness.wait_for("an empty list", lambda: not window.names("Question: "))


def test_conversation_hidden():
    with Window("--model", DEMO, FIXTURES / "demo/seen-01.png") as window:
        window.wait_layers()
        assert window.names("Message")
        keys("F9")
        harness.wait_for("no entry", lambda: not window.names("Message"))
        keys("F9")
        window.wait_name("Message")
        type_text("Hello")
        keys("Return")
        window.wait_name("Question: Hello")


def test_full_screen():
    """What the window asks the window manager for; there is none here that would do it."""
    with Window("--model", DEMO, FIXTURES / "demo/seen-01.png") as window:
        window.wait_layers()
        watch = ["stdbuf", "-oL", "xev", "-root", "-event", "substructure"]
        with subprocess.Popen(watch, stdout=subprocess.PIPE, text=True) as watcher:
            time.sleep(0.5)
            keys("F11")
            assert any("_NET_WM_STATE)" in line for line in watcher.stdout)
            watcher.terminate()


def wait_whole_answer(window):
    def last_note():
        return (window.names("picture reused") or [""])[-1]

    harness.wait_for("the last answer's end", lambda: last_note().startswith("256 tokens"))


def test_stop():
    model = FIXTURES / "tiny-pmod-llava-next"
    with Window("--model", model, FIXTURES / "images/landscape.png") as window:
        window.wait_name("Random weights")
        window.wait_layers()
        # How long an answer takes is the machine's affair, and AT-SPI may be slower than all of it.
        for delay in (0.3, 0.2, 0.4, 0.15, 0.5, 0.1):
            type_text("What is this?")
            keys("Return")
            time.sleep(delay)
            keys("Escape")
            time.sleep(1)
            notes = window.names("Stopped \u00b7")
            if notes:
                break
        assert notes, "no answer could be stopped while it was written"
        tokens = int(notes[-1].split(" token")[0].split()[-1])
        assert 0 < tokens < 256, notes
        n_questions = len(window.names("Question: "))
        keys("ctrl+Return")
        harness.wait_for("an answer anew", lambda: not window.names("Stopped"))
        wait_whole_answer(window)
        assert len(window.names("Question: ")) == n_questions
        # The window goes on: the next question is answered too.
        type_text("And this?")
        keys("Return")
        window.wait_name("Question: And this?")
        wait_whole_answer(window)


harness.run(
    test_answers_and_maps,
    test_line_break_and_new,
    test_conversation_hidden,
    test_full_screen,
    test_stop,
)
