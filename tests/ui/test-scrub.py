"""Every past answer of a conversation that was opened again shows its maps without a run: by mouse and
by keyboard; masks, weights, depth and counters follow, and the answer is marked."""

import time

import harness
from harness import DEMO, FIXTURES, Window, keys, type_text, wait_for, xdotool

PICTURE = FIXTURES / "demo/seen-00.png"
# Each with another setting, so that maps and counters differ.
ASKED = [("How many sailboats are there?", None), ("Where is the circle?", 0.3), ("What is this?", 0.8)]
MODES = ["Mask", "Weights", "Depth"]


def click(window, name):
    window.click(wait_for(name, lambda: [n for n in window.walk() if n.get_name() == name])[0])


def counters(window):
    """What the strip and the meters say."""
    named = [n for n in window.names() if "of dense:" in (n or "") or "of 1024 tokens" in (n or "")]
    return [cell.get_name() for cell in window.layers()], sorted(set(named))


def picture(window):
    """The pixels of the picture with its map."""
    xdotool("mousemove", 640, 2)
    shot = window.screenshot()
    left, top, right, bottom = 400, 75, 715, 385
    return b"".join(
        shot.raw[(y * shot.width + left) * 3 : (y * shot.width + right) * 3] for y in range(top, bottom)
    )


def same(a, b):
    """Scaled pictures that were drawn in another number of pieces differ by the last digit."""
    return len(a) == len(b) and all(abs(i - j) <= 2 for i, j in zip(a, b))


def rests(window):
    """The picture, once it is the same three times: a busy machine draws late."""
    shots = [picture(window) for _ in range(3)]
    while not all(same(shots[0], shot) for shot in shots):
        shots = shots[1:] + [picture(window)]
    return shots[0]


def choose_layer(window):
    """One and the same, whichever was chosen."""
    window.click(window.layers()[3])
    wait_for("layer 3", lambda: window.selected_layer() == 3)


def looks(window):
    pictures = {}
    choose_layer(window)
    for mode in MODES:
        click(window, mode)
        time.sleep(0.5)
        pictures[mode] = rests(window)
    click(window, MODES[0])
    assert len(set(pictures.values())) == len(MODES), "each mode looks otherwise"
    return pictures


def ask(window, question, n):
    window.press("Conversation")
    time.sleep(0.4)  # the page slides in
    click(window, "Ask a question")
    type_text(question)
    keys("Return")
    wait_for("the answer", lambda: len(window.names("Answer: ")) >= n)
    wait_for("its end", lambda: not window.names("Answering") and not window.names("Reading,"))
    wait_for("its maps", lambda: len(marks(window)) == n and marks(window)[-1])


def marks(window):
    """For each answer whether its maps are said to be shown."""
    return [
        node.get_name() == "Its maps are shown"
        for node in window.walk()
        if node.get_name() in ("Show its maps", "Its maps are shown")
        and node.get_role_name() in ("push button", "button")
    ]


def in_conversation(window):
    """Whether the focus is in one of the messages."""
    rows = [n for n in window.walk() if (n.get_name() or "").startswith(("Answer: ", "Question: "))]
    return any(window.has(node, "FOCUSED") for row in rows for node in window.walk(row))


def buttons(window):
    return [
        node
        for node in window.walk()
        if node.get_name() in ("Show its maps", "Its maps are shown")
        and node.get_role_name() in ("push button", "button")
    ]


def test_scrub():
    seen = []
    with Window("--model", DEMO, PICTURE) as window:
        window.wait_layers()
        for n, (question, factor) in enumerate(ASKED, 1):
            if factor:
                before = counters(window)
                window.press("Routing")
                window.find("Factor", "slider").set_current_value(factor)
                wait_for("other maps", lambda: counters(window) != before)
                window.wait_layers()
                wait_for("no run", lambda: not window.names("Reading"))
            ask(window, question, n)
            window.wait_layers()
            time.sleep(0.3)
            seen.append((counters(window), looks(window) if n == 2 else {}))
            assert marks(window) == [i == n - 1 for i in range(n)], marks(window)
    assert len({repr(counted) for counted, _ in seen}) == len(ASKED), "the answers differ"

    with Window("--model", DEMO) as window:
        keys("ctrl+shift+s")
        row = wait_for(
            "the conversation",
            lambda: [n for n in window.walk() if (n.get_name() or "").startswith("Conversation: ")],
        )[-1]
        window.click(row)
        wait_for("its answers", lambda: len(buttons(window)) == len(ASKED))
        wait_for("the last one's maps", lambda: counters(window) == seen[-1][0])
        assert marks(window) == [False, False, True], marks(window)

        # By mouse, each of them.
        slowest = 0
        for n in (0, 1, 2, 1):
            xdotool("mousemove", "--window", window.window, *window.middle(buttons(window)[n]))
            start = time.monotonic()
            xdotool("click", 1)
            wait_for("its mark", lambda: marks(window)[n])
            slowest = max(slowest, time.monotonic() - start)
            assert counters(window) == seen[n][0], (counters(window), seen[n][0])
            assert marks(window) == [i == n for i in range(len(ASKED))], marks(window)
        print(f"# from the click to the mark in the tree, four times: at most {slowest * 1e3:.0f} ms")
        window.keep("scrub.png")
        keys("ctrl+shift+s")
        time.sleep(0.5)
        choose_layer(window)
        for mode, pixels in seen[1][1].items():
            click(window, mode)
            wait_for(f"the pixels of {mode} when the answer came", lambda: same(picture(window), pixels))
        click(window, MODES[0])

        # By keyboard: Shift+Tab into the conversation, Home to its beginning, Tab into the answer.
        click(window, "Ask a question")
        for _ in range(6):
            keys("shift+Tab")
            time.sleep(0.1)
            if in_conversation(window):
                break
        keys("Home", "Down")
        for _ in range(10):
            keys("Tab")
            time.sleep(0.1)
            if window.has(buttons(window)[0], "FOCUSED"):
                break
        assert window.has(buttons(window)[0], "FOCUSED"), "the keyboard does not come to the first answer"
        keys("Return")
        wait_for("its mark", lambda: marks(window) == [True, False, False])
        assert counters(window) == seen[0][0]
        assert window.has(buttons(window)[0], "FOCUSED"), "the focus stays"


harness.run(test_scrub)
