"""Looking inside: every view's pixels, a part's way through the layers, the layers' weights."""

import math
import tempfile

import harness
from harness import DEMO, FIXTURES, Window, keys, xdotool
from inspecting import (
    PAPER,
    Recorded,
    choose_layer,
    depth_colors,
    focus_picture,
    mask_colors,
    nowhere,
    open_frame,
    picture_node,
    point,
    record,
    show_details,
    weight_colors,
)


def small(value):
    """Two digits that count, as decimals."""
    return f"{value:.{max(0, min(8, 1 - math.floor(math.log10(value))))}f}"


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
        span = f"layer {first}" if len(kept) == 1 else f"layers {first}\u2013{kept[-1]}"
        return where + f"kept in {span}, skipped from {kept[-1] + 1} on"
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
            assert f"weight {weight:.3f}" in picture_node(window).get_description()
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
                    assert f"{small(layer['margin'])} above the first skipped" in found, found
                if layer["ties"] > 1:
                    assert f"{layer['ties']} parts tie at the cut" in found, found
                else:
                    assert "No ties." in found, found
                if layer["saturated"]:
                    assert f"{layer['saturated']} weight" in found, found
                else:
                    assert "None is saturated." in found, found


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


harness.run(test_views, test_part, test_histogram, test_dependence)
