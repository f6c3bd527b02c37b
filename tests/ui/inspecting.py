"""What the tests of the inspector share: recorded runs, and the pixels that they must give.

What must be seen is worked out here from the records that pmod writes as JSON, not from what the
window's own code makes of the same run.
"""

import json
import pathlib
import subprocess
import time

from harness import BUILD, DEMO, FIXTURES, keys, near, xdotool

# src/app/pmod-palette.c, light.
PAPER = (0xD9, 0xD6, 0xD2)
DIM, DIM_SHARE = (0x14, 0x16, 0x1C), 0.68
NEXT = FIXTURES / "tiny-pmod-llava-next"
PADDED = FIXTURES / "tiny-pmod-llava-v1.5"


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

    def plane_box(self, picture=0, plane=-1):
        """The grid's corners in the picture; beyond (0,0) and (1,1) lies padding."""
        return self.record["images"][picture]["planes"][plane]["box"]

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

    def __init__(self, box, grid, zoom=1, center=(0.5, 0.5), plane_box=(0, 0, 1, 1)):
        self.box, self.grid, self.zoom, self.center = box, grid, zoom, center
        self.plane_box = plane_box

    def middle(self, cell):
        left, top, right, bottom = self.box
        rows, cols, _ = self.grid
        x0, y0, x1, y1 = self.plane_box
        u = x0 + (x1 - x0) * (cell % cols + 0.5) / cols
        v = y0 + (y1 - y0) * (cell // cols + 0.5) / rows
        u = (u - self.center[0]) * self.zoom + 0.5
        v = (v - self.center[1]) * self.zoom + 0.5
        return left + u * (right - left), top + v * (bottom - top)

    def has(self, x, y):
        left, top, right, bottom = self.box
        # Not where the zoom's button may lie.
        if self.zoom > 1 and x > right - 110 and y > bottom - 50:
            return False
        # Nor where the frame's round corners are.
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
    window.press("Details")
    window.wait_name("Weights of the selected layer")


def point(x, y):
    xdotool("mousemove", round(x), round(y))


def nowhere():
    point(640, 2)


def record(folder, images=("demo/seen-00.png",), model=DEMO, question="Where is the circle?"):
    return Recorded(folder, model, [FIXTURES / image for image in images], "--prompt", question)
