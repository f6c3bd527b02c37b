"""Looking inside: views of the map, a part's way, weights, play, zoom, several pictures, tiles.

What must be seen is worked out here from the records that pmod writes as JSON, not from what the
window's own code makes of the same run.
"""

import json
import os
import pathlib
import subprocess
import tempfile
import time

import harness
from harness import BUILD, DEMO, FIXTURES, Window, keys, near, wait_for, xdotool

# src/app/pmod-palette.c, light.
PAPER = (0xD9, 0xD6, 0xD2)
DIM, DIM_SHARE = (0x14, 0x16, 0x1C), 0.68
NEXT = FIXTURES / "tiny-pmod-llava-next"


class Recorded:
    """A run without a window: its trace as a file, its record as numbers."""

    def __init__(self, folder, model, images, *options):
        self.path = pathlib.Path(folder, "run.trace")
        record = pathlib.Path(folder, "run.json")
        command = [BUILD / "src/cli/pmod", "run", model, "--trace", self.path, "--full"]
        command += ["--json", record, "--max-new-tokens", "4", *options]
        for image in images:
            command += ["--image", image]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        self.record = json.loads(record.read_text())
        self.layers = self.record["layers"]
        self.routed = [layer for layer in self.layers if layer["routed"]]

    def grid(self, picture=0, plane=-1):
        """(rows, columns, place among the routers' tokens of each part)."""
        plane_record = self.record["images"][picture]["planes"][plane]
        before = sum(image["vision_tokens"] for image in self.record["images"][:picture])
        image = self.record["images"][picture]
        first = before + plane_record["first_token"] - image["first_token"]
        rows, cols = plane_record["rows"], plane_record["cols"]
        stride = cols + plane_record["newlines"]
        return rows, cols, [first + r * stride + c for r in range(rows) for c in range(cols)]

    def depth(self, token):
        return sum(token in layer["kept"] for layer in self.routed)


def ramp(share):
    """Oklab (Ottosson 2020) between a dark blue and a light yellow, as sRGB."""
    lightness, a, b = 0.26 + 0.66 * share, -0.005 - 0.01 * share, -0.105 + 0.24 * share
    l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    s = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
        -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
        -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s,
    )
    clipped = [min(max(value, 0), 1) for value in linear]
    return tuple(
        round(255 * (12.92 * v if v <= 0.0031308 else 1.055 * v ** (1 / 2.4) - 0.055))
        for v in clipped
    )


def mask_colors(layer, tokens):
    dimmed = tuple(round(p + (d - p) * DIM_SHARE) for p, d in zip(PAPER, DIM))
    kept = set(layer["kept"])
    return [PAPER if token in kept else dimmed for token in tokens]


def weight_colors(layer, tokens):
    low, high = min(layer["weight"]), max(layer["weight"])
    if low == high:
        return [ramp(0.5)] * len(tokens)
    return [ramp((layer["weight"][token] - low) / (high - low)) for token in tokens]


def depth_colors(recorded, tokens):
    return [ramp(recorded.depth(token) / len(recorded.routed)) for token in tokens]


class Frame:
    """Where the picture is seen, and where a part of it lies, zoomed or not."""

    def __init__(self, box, grid, zoom=1, center=(0.5, 0.5)):
        self.box, self.grid, self.zoom, self.center = box, grid, zoom, center

    def middle(self, cell):
        left, top, right, bottom = self.box
        rows, cols, _ = self.grid
        u = (cell % cols + 0.5) / cols
        v = (cell // cols + 0.5) / rows
        u = (u - self.center[0]) * self.zoom + 0.5
        v = (v - self.center[1]) * self.zoom + 0.5
        return left + u * (right - left), top + v * (bottom - top)

    def has(self, x, y):
        left, top, right, bottom = self.box
        # Not where the frame's round corners are.
        return left + 6 < x < right - 6 and top + 6 < y < bottom - 6

    def check(self, pixels, colors, what):
        n_checked = 0
        for cell, expected in enumerate(colors):
            x, y = self.middle(cell)
            if not self.has(x, y):
                continue
            got = pixels.at(x, y)
            assert near(got, expected, 2), f"{what}, part {cell}: expected {expected}, got {got}"
            n_checked += 1
        return n_checked


def find_frame(pixels):
    """The box of paper: rows of it, not the odd pixel of that colour elsewhere."""
    run = bytes(PAPER) * 100
    lines = [pixels.raw[y * pixels.width * 3 : (y + 1) * pixels.width * 3] for y in range(pixels.height)]
    ys = [y for y, line in enumerate(lines) if run in line]
    middle = lines[(ys[0] + ys[-1]) // 2]
    left = middle.index(run) // 3
    right = middle.rindex(run) // 3 + 100
    return left, ys[0], right, ys[-1] + 1


def open_frame(window, grid):
    """The frame's box, while a plain layer leaves the picture clear."""
    window.wait_layers()
    window.focus_layers()
    keys("Home")
    window.wait_name("Layer 0 is plain")
    return Frame(find_frame(window.screenshot()), grid)


def choose_layer(window, layer):
    keys(*["Right"] * (layer - window.selected_layer()))
    assert window.selected_layer() == layer


def focus_picture(window):
    for _ in range(40):
        picture = picture_node(window)
        if window.has(picture, "FOCUSED"):
            return
        keys("Tab")
        time.sleep(0.05)
    raise AssertionError("Tab does not come to the picture")


def picture_node(window):
    names = ("Recorded picture", "seen-00.png,")
    found = [node for node in window.walk() if (node.get_name() or "").startswith(names)]
    assert found, "no picture"
    return found[0]


def show_details(window):
    next(n for n in window.walk() if n.get_name() == "Details" and n.get_n_actions()).do_action(0)
    window.wait_name("Weights of the selected layer")


def point(x, y):
    xdotool("mousemove", round(x), round(y))


def nowhere():
    point(640, 2)


def record(folder, images=("demo/seen-00.png",), model=DEMO, question="Where is the circle?"):
    return Recorded(folder, model, [FIXTURES / image for image in images], "--prompt", question)


def test_views():
    with tempfile.TemporaryDirectory() as folder:
        recorded = record(folder)
        with Window(recorded.path) as window:
            grid = recorded.grid()
            frame = open_frame(window, grid)
            for layer in recorded.routed:
                choose_layer(window, layer["index"])
                keys("alt+m")
                n = frame.check(window.screenshot(), mask_colors(layer, grid[2]), "mask")
                assert n == 64, n
                keys("alt+w")
                low, high = min(layer["weight"]), max(layer["weight"])
                if low < high:
                    window.wait_name(f"Legend: from Weight {low:.3f} to {high:.3f}")
                else:
                    window.wait_name(f"Legend: All weights are {low:.3f}")
                n = frame.check(window.screenshot(), weight_colors(layer, grid[2]), "weights")
                assert n == 64, n
                window.focus_layers()
            keys("alt+e")
            window.wait_name("How deep each part goes")
            window.wait_name("Legend: from Kept by none to all 4 routed layers")
            depths = depth_colors(recorded, grid[2])
            assert frame.check(window.screenshot(), depths, "depth") == 64
            # For as long as a key is held, and as a choice.
            focus_picture(window)
            xdotool("keydown", "p")
            bare = [PAPER] * 64
            assert frame.check(window.screenshot(), bare, "held bare") == 64
            xdotool("keyup", "p")
            assert frame.check(window.screenshot(), depths, "depth again") == 64
            keys("alt+u")
            assert frame.check(window.screenshot(), bare, "picture") == 64


def describe(recorded, cell):
    """In words, from the record: what the ribbon must say of a part."""
    rows, cols, tokens = recorded.grid()
    kept = [layer["index"] for layer in recorded.routed if tokens[cell] in layer["kept"]]
    first, last = recorded.routed[0]["index"], recorded.routed[-1]["index"]
    where = f"Row {cell // cols + 1}, column {cell % cols + 1}: "
    if not kept:
        return where + "skipped in all routed layers"
    if len(kept) == len(recorded.routed):
        return where + "kept in all routed layers"
    if kept == list(range(first, kept[-1] + 1)):
        span = f"{first}" if len(kept) == 1 else f"{first}\u2013{kept[-1]}"
        return where + f"kept in layers {span}, skipped from {kept[-1] + 1} on"
    return None


def test_part():
    with tempfile.TemporaryDirectory() as folder:
        recorded = record(folder)
        with Window(recorded.path) as window:
            rows, cols, tokens = recorded.grid()
            frame = open_frame(window, recorded.grid())
            show_details(window)
            window.wait_name("Point at a part of the picture")
            texts = {}
            for cell in range(rows * cols):
                texts.setdefault((describe(recorded, cell) or "?").split(":")[-1], cell)
            texts.pop("?", None)
            assert len(texts) >= 3, texts
            for cell in texts.values():
                point(*frame.middle(cell))
                window.wait_name(describe(recorded, cell))
            nowhere()
            window.wait_name("Point at a part of the picture")

            # A click holds a part, another lets it go.
            held = list(texts.values())[0]
            point(*frame.middle(held))
            xdotool("click", 1)
            nowhere()
            window.wait_name(describe(recorded, held))
            assert window.has(picture_node(window), "FOCUSED")
            keys("Escape")
            window.wait_name("Point at a part of the picture")

            # By keys alone: Enter holds the middle, arrows walk, ends are ends.
            keys("Return")
            window.wait_name("Row 5, column 5:")
            keys("Right", "Down", "Down")
            window.wait_name("Row 7, column 6:")
            keys(*["Left"] * 9, *["Up"] * 9)
            window.wait_name("Row 1, column 1:")
            window.focus_layers()
            choose_layer(window, 2)
            weight = recorded.layers[2]["weight"][tokens[0]]
            window.wait_name(f"weight {weight:.3f}; kept by {recorded.depth(tokens[0])} of 4")
            focus_picture(window)
            keys("Return")
            window.wait_name("Point at a part of the picture")


def test_histogram():
    with tempfile.TemporaryDirectory() as folder:
        recorded = record(folder)
        with Window(recorded.path) as window:
            window.wait_layers()
            window.focus_layers()
            show_details(window)
            window.focus_layers()
            keys("Home")
            window.wait_name("Layer 0 has no router: nothing is weighed.")
            for layer in recorded.routed:
                choose_layer(window, layer["index"])
                weights = layer["weight"]
                cut = min(weights[token] for token in layer["kept"])
                text = f"Layer {layer['index']}: from {min(weights):.3f} to {max(weights):.3f}."
                text += f" Cut at {cut:.4f}, "
                found = window.wait_name(text)
                if layer["margin"] > 0:
                    assert f"{layer['margin']:.2g} above the first skipped" in found, found
                if layer["ties"] > 1:
                    assert f"{layer['ties']} parts tie at the cut" in found, found
                else:
                    assert "No ties." in found, found
                if layer["saturated"]:
                    assert f"{layer['saturated']} weight" in found, found
                else:
                    assert "None is saturated." in found, found


def wait_layer(window, layer):
    wait_for(f"layer {layer}", lambda: window.selected_layer() == layer, limit=10)


def test_play():
    with tempfile.TemporaryDirectory() as folder:
        recorded = record(folder)
        with Window(recorded.path) as window:
            window.wait_layers()
            window.focus_layers()
            keys("Home", "space")
            window.wait_name("Pause")
            for layer in (2, 4, 5):
                wait_layer(window, layer)
            # At the end it stops; the next time it begins with the first one.
            window.wait_name("Play through the layers")
            keys("space")
            wait_layer(window, 0)
            wait_layer(window, 2)
            keys("space")
            window.wait_name("Play through the layers")
            still = window.selected_layer()
            time.sleep(1.5)
            assert window.selected_layer() == still
            # To choose a layer is to stop.
            keys("space", "End")
            window.wait_name("Play through the layers")
            assert window.selected_layer() == 5


def test_step_without_motion():
    settings = pathlib.Path(os.environ["XDG_CONFIG_HOME"], "gtk-4.0/settings.ini")
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text("[Settings]\ngtk-enable-animations=0\n")
    try:
        with tempfile.TemporaryDirectory() as folder:
            recorded = record(folder)
            with Window(recorded.path) as window:
                window.wait_layers()
                window.wait_name("Next layer")
                window.focus_layers()
                keys("Home", "space")
                wait_layer(window, 1)
                time.sleep(1.5)
                assert window.selected_layer() == 1
                keys("End", "space")
                wait_layer(window, 0)
    finally:
        settings.unlink()


def test_zoom():
    with tempfile.TemporaryDirectory() as folder:
        recorded = record(folder)
        with Window(recorded.path) as window:
            grid = recorded.grid()
            frame = open_frame(window, grid)
            layer = recorded.layers[3]
            choose_layer(window, 3)
            show_details(window)
            nowhere()
            mask, weights = mask_colors(layer, grid[2]), weight_colors(layer, grid[2])

            keys("ctrl+plus", "ctrl+plus", "ctrl+plus")
            window.wait_name("195 %")
            near_frame = Frame(frame.box, grid, 1.25**3)
            assert near_frame.check(window.screenshot(), mask, "zoomed mask") >= 16
            keys("alt+w")
            assert near_frame.check(window.screenshot(), weights, "zoomed weights") >= 16
            keys("alt+e")
            depths = depth_colors(recorded, grid[2])
            assert near_frame.check(window.screenshot(), depths, "zoomed depth") >= 16
            # What is pointed at is what is seen there.
            for cell in (27, 28, 36, 44):
                point(*near_frame.middle(cell))
                window.wait_name(f"Row {cell // 8 + 1}, column {cell % 8 + 1}:")

            # Dragged by a quarter of the frame, as far as the picture reaches.
            left, top, right, bottom = frame.box
            x, y = (left + right) / 2, (top + bottom) / 2
            point(x, y)
            xdotool("mousedown", 1)
            for step in range(1, 11):
                point(x + step * 10, y)
            xdotool("mouseup", 1)
            nowhere()
            shift = 100 / (right - left) / 1.25**3
            dragged = Frame(frame.box, grid, 1.25**3, (0.5 - shift, 0.5))
            assert dragged.check(window.screenshot(), depths, "dragged depth") >= 16
            keys("ctrl+minus", "ctrl+minus", "ctrl+minus", "ctrl+minus")
            assert not window.names("195 %")
            assert frame.check(window.screenshot(), depths, "whole depth") == 64

            # The wheel with Ctrl keeps what is under the pointer where it is.
            point(*frame.middle(9))
            xdotool("keydown", "ctrl")
            xdotool("click", "--repeat", 2, 4)
            xdotool("keyup", "ctrl")
            window.wait_name("156 %")
            window.wait_name("Row 2, column 2:")
            nowhere()
            zoom, at = 1.25**2, 1.5 / 8
            center = at - (at - 0.5) / zoom
            scrolled = Frame(frame.box, grid, zoom, (center, center))
            assert scrolled.check(window.screenshot(), depths, "scrolled depth") >= 16
            # A part that is walked to comes into the frame.
            focus_picture(window)
            keys("Return", *["Right"] * 8, *["Down"] * 8)
            window.wait_name("Row 8, column 8:")
            nowhere()
            keys("Escape")
            corner = Frame(frame.box, grid, zoom, (1 - 0.5 / zoom, 1 - 0.5 / zoom))
            assert corner.check(window.screenshot(), depths, "corner depth") >= 16
            keys("ctrl+0")
            assert frame.check(window.screenshot(), depths, "depth in the end") == 64


def choose(window, label, index):
    """An entry of a drop-down, by keys."""
    button = next(
        node for node in window.walk()
        if node.get_name() == label and node.get_n_actions()
    )
    button.do_action(0)
    time.sleep(0.5)
    keys("Home", *["Down"] * index, "Return")
    time.sleep(0.3)


def test_pictures():
    with tempfile.TemporaryDirectory() as folder:
        recorded = record(folder, ("demo/seen-00.png", "demo/seen-01.png"))
        assert len(recorded.record["images"]) == 2
        with Window(recorded.path) as window:
            frame = open_frame(window, recorded.grid(0))
            choose_layer(window, 3)
            window.wait_name("Layer 3 keeps 44 of 128 parts")
            layer = recorded.layers[3]
            first = mask_colors(layer, recorded.grid(0)[2])
            second = mask_colors(layer, recorded.grid(1)[2])
            assert first != second
            assert frame.check(window.screenshot(), first, "first picture") == 64
            choose(window, "Which picture", 1)
            assert frame.check(window.screenshot(), second, "second picture") == 64
            choose(window, "Which picture", 0)
            assert frame.check(window.screenshot(), first, "first picture again") == 64


def test_dependence():
    with tempfile.TemporaryDirectory() as folder:
        recorded = record(folder)
        with Window(recorded.path) as window:
            window.wait_name("this map is the same for every question")
        images = [FIXTURES / "demo/seen-00.png"]
        prompt = ("--raw-prompt", "--prompt", "Where is the circle? <image>")
        first = Recorded(folder, DEMO, images, *prompt)
        with Window(first.path) as window:
            window.wait_name("another question may give another map")


def test_tiles():
    """A grid of tiles with a newline after each row, and the whole picture before it."""
    with tempfile.TemporaryDirectory() as folder:
        recorded = record(folder, ("images/landscape.png",), NEXT)
        with Window(recorded.path) as window:
            tiles, whole = recorded.grid(0, 1), recorded.grid(0, 0)
            assert tiles[:2] == (24, 40) and whole[:2] == (24, 24)
            frame = open_frame(window, tiles)
            choose_layer(window, 16)
            layer = recorded.layers[16]
            n = frame.check(window.screenshot(), mask_colors(layer, tiles[2]), "tiles")
            assert n >= 38 * 22, n
            show_details(window)
            for row, col in ((2, 3), (23, 39), (12, 20)):
                point(*frame.middle(row * 40 + col))
                window.wait_name(f"Row {row + 1}, column {col + 1}:")
            nowhere()
            choose(window, "Which reading of the picture", 1)
            frame.grid = whole
            n = frame.check(window.screenshot(), mask_colors(layer, whole[2]), "whole picture")
            assert n >= 22 * 22, n


harness.run(
    test_views,
    test_part,
    test_histogram,
    test_play,
    test_step_without_motion,
    test_zoom,
    test_pictures,
    test_dependence,
    test_tiles,
)
