"""The policy lab in the real window: who chooses, painting by mouse and keys, two settings compared."""

import time

import harness
from harness import DEMO, FIXTURES, Window, keys, near, type_text, xdotool

PICTURE = FIXTURES / "demo/seen-00.png"
GROUND = (153, 50, 190)  # of that picture
SIDE = 8
LAYER = 4
N_KEPT = 9  # of 64 in that layer
# src/app/pmod-palette.c: patterns over the picture.
FIRST = (0x8A, 0xD4, 0xFF)
SECOND = (0xFF, 0xC0, 0x4D)
POLICIES = [
    "Router",
    "Random",
    "Inverse router",
    "Even grid",
    "First parts",
    "Largest states",
    "Attention received",
    "Last word’s attention",
    "Painted by hand",
]


def find(window, name, state="FOCUSABLE"):
    def look():
        for node in window.walk():
            if (node.get_name() or "").strip() == name and window.has(node, state):
                return node
        return None

    return harness.wait_for(f'something named "{name}"', look)


def press(window, name):
    window.press(name)
    time.sleep(0.5)


def focus(window, name):
    node = find(window, name)
    for _ in range(80):
        if window.has(node, "FOCUSED"):
            return
        keys("Tab")
    raise AssertionError(f'Tab does not come to "{name}"')


def choose(window, name, steps):
    """In a list, from its first entry, by keys alone."""
    focus(window, name)
    keys("space")
    time.sleep(0.4)
    keys("Home", *["Down"] * steps, "Return")
    time.sleep(0.4)


def open_routing(window):
    window.wait_layers()
    press(window, "Routing")
    time.sleep(0.5)


def go_to_layer(window, layer):
    window.focus_layers()
    keys("Home", *["Right"] * layer)
    assert window.selected_layer() == layer


class Map:
    """Where the picture lies, and what it looks like without a map."""

    def __init__(self, window):
        go_to_layer(window, 0)
        window.wait_name("Layer 0 is plain")
        self.clear = window.screenshot()
        self.box = self.clear.bounds(GROUND)
        self.border = self.box[0] - fit(window)[0]  # of the window around its content

    def refit(self, window):
        self.box = [number + self.border for number in fit(window)]

    def place(self, token, x=0.5, y=0.5):
        left, top, right, bottom = self.box
        return (
            left + (right - left) * (token % SIDE + x) / SIDE,
            top + (bottom - top) * (token // SIDE + y) / SIDE,
        )

    def kept(self, window):
        """What looks as it does without a map, in each of five places: what is black stays black."""
        now = window.screenshot()
        spots = [(0.5, 0.5), (0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)]

        def is_clear(token):
            places = [self.place(token, x, y) for x, y in spots]
            return all(near(now.at(*at), self.clear.at(*at), 3) for at in places)

        return {token for token in range(SIDE * SIDE) if is_clear(token)}

    def marked(self, now, token, color):
        """Whether the pattern of that color lies over the part."""
        left, top = self.place(token, 0.1, 0.1)
        right, bottom = self.place(token, 0.9, 0.9)
        return any(
            near(now.at(x, y), color, 24)
            for y in range(int(top), int(bottom))
            for x in range(int(left), int(right))
        )


def wait_kept(window, layer, kept):
    window.wait_name(f"Layer {layer} keeps {kept} of 64")


def test_policies():
    with Window("--model", DEMO, PICTURE) as window:
        open_routing(window)
        shown = Map(window)
        go_to_layer(window, LAYER)
        router = shown.kept(window)
        assert len(router) == N_KEPT, sorted(router)
        seen = {"Router": router}
        for i, policy in enumerate(POLICIES[1:], 1):
            choose(window, "Who chooses what is kept", i)
            xdotool("mousemove", 640, 2)
            time.sleep(0.5)
            window.wait_layers()
            wait_kept(window, LAYER, N_KEPT)
            kept = shown.kept(window)
            assert len(kept) == N_KEPT, f"{policy} keeps {sorted(kept)}"
            if policy == "Painted by hand":
                assert kept == router, "nothing is painted, and yet the map is another one"
            else:
                assert kept not in seen.values(), f"{policy} keeps what another one does"
            seen[policy] = kept
        assert seen["First parts"] == set(range(N_KEPT)), sorted(seen["First parts"])
        assert not seen["Inverse router"] & router

        choose(window, "Who chooses what is kept", 1)
        window.wait_name("Drawn by lot from the seed")
        time.sleep(0.5)
        assert shown.kept(window) == seen["Random"], "the same seed draws something else"
        focus(window, "Draw another lot")
        keys("space")
        time.sleep(1)
        assert shown.kept(window) != seen["Random"], "another seed draws the same"


def click(shown, token, button=1, held=None):
    x, y = shown.place(token)
    xdotool("mousemove", int(x), int(y))
    time.sleep(0.2)
    if held:
        xdotool("keydown", held)
    xdotool("click", button)
    if held:
        xdotool("keyup", held)
    time.sleep(0.6)


def fate(window, token):
    """What is said of the part under the pointer."""
    row, col = token // SIDE + 1, token % SIDE + 1
    return window.wait_name(f"Row {row}, column {col}:")


def test_brush():
    with Window("--model", DEMO, PICTURE) as window:
        open_routing(window)
        shown = Map(window)
        go_to_layer(window, LAYER)
        router = shown.kept(window)
        skipped = [token for token in range(64) if token not in router and token // SIDE > 1]
        window.wait_name("Nothing is painted.")
        focus(window, "Brush")
        keys("space")

        click(shown, skipped[0])
        window.wait_name(f"Layer {LAYER}: 1 painted to be kept, 0 to be skipped")
        wait_kept(window, LAYER, N_KEPT)
        assert ": kept" in fate(window, skipped[0]), fate(window, skipped[0])
        now = window.screenshot()
        assert shown.marked(now, skipped[0], FIRST), "no pattern where it is painted"
        assert not shown.marked(now, skipped[9], FIRST)

        victim = min(router)
        click(shown, victim, button=3)
        window.wait_name(f"Layer {LAYER}: 1 painted to be kept, 1 to be skipped")
        assert ": skipped" in fate(window, victim), fate(window, victim)
        assert shown.marked(window.screenshot(), victim, SECOND)
        click(shown, skipped[1], held="Control_L")
        window.wait_name(f"Layer {LAYER}: 1 painted to be kept, 2 to be skipped")
        click(shown, victim, held="Shift_L")
        window.wait_name(f"Layer {LAYER}: 1 painted to be kept, 1 to be skipped")
        assert not shown.marked(window.screenshot(), victim, SECOND)

        # A stroke over several parts is one step back.
        x, y = shown.place(8 * 7)
        xdotool("mousemove", int(x), int(y), "mousedown", 1)
        for token in range(8 * 7 + 1, 8 * 7 + 5):
            x, y = shown.place(token)
            xdotool("mousemove", int(x), int(y))
            time.sleep(0.1)
        xdotool("mouseup", 1)
        window.wait_name(f"Layer {LAYER}: 6 painted to be kept, 1 to be skipped")
        focus(window, "Undo the stroke")
        keys("space")
        window.wait_name(f"Layer {LAYER}: 1 painted to be kept, 1 to be skipped")
        focus(window, "Redo the stroke")
        keys("space")
        window.wait_name(f"Layer {LAYER}: 6 painted to be kept, 1 to be skipped")
        focus(window, "Erase the painting")
        keys("space")
        window.wait_name("Nothing is painted.")

        # By keys alone: the pointer's last part is where they begin.
        focus_brush(window)
        keys(*["Up"] * 8, *["Left"] * 8)
        window.wait_name("Brush, row 1, column 1, not painted")
        keys("Down", "Right", "k")
        window.wait_name("Brush, row 2, column 2, painted to be kept")
        keys("Right", "s")
        window.wait_name("Brush, row 2, column 3, painted to be skipped")
        keys("Delete")
        window.wait_name("Brush, row 2, column 3, not painted")
        keys("plus", "plus", "plus", "plus", "Down", "Down", "k")
        window.wait_name(f"painted to be kept, but its budget is {N_KEPT}")
        wait_kept(window, LAYER, N_KEPT)


def focus_brush(window):
    brush = next(
        node
        for node in window.walk()
        if node.get_role_name() == "image" and (node.get_name() or "").startswith("Brush, row")
    )
    for _ in range(80):
        if window.has(brush, "FOCUSED"):
            return
        keys("shift+Tab")
    raise AssertionError("Shift+Tab does not come to the brush")


def test_compare():
    with Window("--model", DEMO, PICTURE) as window:
        open_routing(window)
        shown = Map(window)
        go_to_layer(window, LAYER)
        router = shown.kept(window)
        keys("ctrl+d")
        window.wait_name(f"A, as set: {N_KEPT} of 64 kept")
        window.wait_name("B, dense: 64 of 64 kept")
        window.wait_name(f"Layer {LAYER}: {N_KEPT} kept by both, 0 only by A, 55 only by B")

        choose(window, "What to compare with", 5)  # the inverse router
        window.wait_name(f"B, inverse router: {N_KEPT} of 64 kept")
        window.wait_name(f"Layer {LAYER}: 0 kept by both, {N_KEPT} only by A, {N_KEPT} only by B")
        press(window, "Difference")
        time.sleep(0.8)
        xdotool("mousemove", 640, 2)
        now = window.screenshot()
        # One picture again, smaller than the one before, as the texts stand below it.
        shown.refit(window)
        first = {token for token in range(64) if shown.marked(now, token, FIRST)}
        second = {token for token in range(64) if shown.marked(now, token, SECOND)}
        assert first == router, f"only A: {sorted(first)}, expected {sorted(router)}"
        assert len(second) == N_KEPT and not second & router, sorted(second)

        press(window, "Conversation")
        focus_text(window)
        type_text("How many balloons are there?")
        keys("Return")
        window.wait_name("First word apart by")
        keys("ctrl+d")
        harness.wait_for("one picture", lambda: not window.names("A, as set"))


def fit(window):
    """Where the picture's node says that it lies, in the window."""
    node = next(
        node
        for node in window.walk()
        if node.get_role_name() == "image" and (node.get_name() or "").startswith(PICTURE.name)
    )
    box = node.get_extents(window.Atspi.CoordType.WINDOW)
    side = min(box.width, box.height)
    left, top = box.x + (box.width - side) // 2, box.y + (box.height - side) // 2
    return left, top, left + side, top + side


def focus_text(window):
    text = next(node for node in window.walk() if node.get_role_name() == "text")
    for _ in range(80):
        if window.has(text, "FOCUSED"):
            return
        keys("Tab")
    raise AssertionError("Tab does not come to the question")


def ask(window, question):
    type_text(question)
    keys("Return")
    window.wait_name(f"Question: {question}")
    time.sleep(1.5)


def maps(window, shown):
    found = []
    for layer in (2, 3):
        go_to_layer(window, layer)
        found.append(shown.kept(window))
    return found


def test_question_first():
    questions = ("How many balloons are there?", "What is this?")
    with Window("--model", DEMO, PICTURE) as window:
        window.wait_layers()
        shown = Map(window)
        before = []
        for question in questions:
            focus_text(window)
            ask(window, question)
            before.append(maps(window, shown))
        assert before[0] == before[1], "the question changes the map although it comes later"

        open_routing(window)
        focus(window, "Question before the picture")
        keys("space")
        time.sleep(1)
        press(window, "Conversation")
        after = []
        for question in questions:
            focus_text(window)
            ask(window, question)
            after.append(maps(window, shown))
        assert after[0] != after[1], "the question comes first and changes nothing"
        assert [len(kept) for kept in after[0]] == [len(kept) for kept in before[0]]


if __name__ == "__main__":
    harness.run(test_policies, test_brush, test_compare, test_question_first)
