"""Moving about inside: layer after layer, nearer and farther, from picture to picture."""

import os
import pathlib
import tempfile
import time

import harness
from harness import Window, keys, wait_for, xdotool
from inspecting import (
    NEXT,
    PADDED,
    Frame,
    choose_layer,
    depth_colors,
    focus_picture,
    mask_colors,
    nowhere,
    open_frame,
    point,
    record,
    show_details,
    weight_colors,
)


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
            # How often a slow machine looks, nobody knows: not every layer is met.
            wait_for("a layer in between", lambda: 0 < window.selected_layer() < 5, limit=10)
            wait_layer(window, 5)
            # At the end it stops; the next time it begins with the first one.
            window.wait_name("Play through the layers")
            keys("space")
            wait_for("an earlier layer", lambda: window.selected_layer() < 5, limit=10)
            keys("space")
            window.wait_name("Play through the layers")
            still = window.selected_layer()
            time.sleep(1.5)
            assert window.selected_layer() == still
            # To choose a layer is to stop.
            keys("Home", "space", "Right")
            window.wait_name("Play through the layers")
            chosen = window.selected_layer()
            time.sleep(1.5)
            assert window.selected_layer() == chosen < 5


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
            # A click that does not drag holds it.
            xdotool("click", 1)
            nowhere()
            window.wait_name(f"Row {cell // 8 + 1}, column {cell % 8 + 1}:")
            keys("Escape")
            window.wait_name("Point at a part of the picture")

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
    window.press(label)
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


def test_padding():
    """Half of the grid's rows lie on padding above and below the picture: they are not shown."""
    with tempfile.TemporaryDirectory() as folder:
        recorded = record(folder, ("images/landscape.png",), PADDED)
        box = recorded.plane_box()
        assert box[1] < -0.3 and box[3] > 1.3, box
        with Window(recorded.path) as window:
            grid = recorded.grid()
            frame = open_frame(window, grid)
            frame.plane_box = box
            layer = next(l for l in recorded.routed if l["ratio"] <= 0.5)
            choose_layer(window, layer["index"])
            mask = mask_colors(layer, grid[2])
            n = frame.check(window.screenshot(), mask, "padded")
            rows, cols = grid[:2]
            assert cols * rows / 2 < n < cols * rows * 0.65, n
            show_details(window)
            for row, col in ((rows // 2, 3), (rows // 2 - 4, cols - 1)):
                point(*frame.middle(row * cols + col))
                window.wait_name(f"Row {row + 1}, column {col + 1}:")
            nowhere()
            keys("ctrl+plus", "ctrl+plus")
            frame.zoom = 1.25**2
            assert frame.check(window.screenshot(), mask, "padded and zoomed") > 20


harness.run(test_play, test_step_without_motion, test_zoom, test_pictures, test_tiles, test_padding)
