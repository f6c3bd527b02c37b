#!/usr/bin/env python3
"""Draws the help's figures from what the bundled model does: make-figures.py PMOD

Nothing is drawn by hand: what each layer keeps, the weights and the cuts are those of a run.
"""

import json
import pathlib
import subprocess
import sys

import cairo

HERE = pathlib.Path(__file__).resolve().parent
PICTURE = HERE.parent / "samples/rocket-and-ring.png"
PART = (2, 10)  # row and column from 0: row 3, column 11 in the window
INK, FAINT, TEAL, GREY, GOLD = (
    (0.2, 0.19, 0.17),
    (0.42, 0.41, 0.4),
    (0.07, 0.5, 0.48),
    (0.78, 0.77, 0.76),
    (1, 0.82, 0.4),
)


def run(pmod):
    command = [pmod, "run", "demo", "--image", PICTURE, "--prompt", "What is this?"]
    done = subprocess.run(
        [*command, "--json", "-", "--full"], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout)


def text(context, x, y, words, size, color=INK, middle=True, bold=False):
    weight = cairo.FONT_WEIGHT_BOLD if bold else cairo.FONT_WEIGHT_NORMAL
    context.select_font_face("Cantarell", cairo.FONT_SLANT_NORMAL, weight)
    context.set_font_size(size)
    width = context.text_extents(words).x_advance
    context.set_source_rgb(*color)
    context.move_to(x - width / 2 if middle else x, y)
    context.show_text(words)


def draw_map(context, picture, layer, n_side, x, y, size):
    """The picture, dimmed where the layer skips it, and the part outlined."""
    scale = size / picture.get_width()
    context.save()
    context.rectangle(x, y, size, size)
    context.clip()
    context.translate(x, y)
    context.scale(scale, scale)
    context.set_source_surface(picture)
    context.paint()
    context.restore()
    cell = size / n_side
    kept = set(layer["kept"])
    context.set_source_rgba(0.85, 0.84, 0.82, 0.86)
    for i in range(n_side * n_side):
        if i not in kept:
            context.rectangle(x + i % n_side * cell, y + i // n_side * cell, cell, cell)
    context.fill()
    for width, color in ((4, (0.08, 0.09, 0.11)), (2, GOLD)):
        context.set_line_width(width)
        context.set_source_rgb(*color)
        context.rectangle(x + PART[1] * cell, y + PART[0] * cell, cell, cell)
        context.stroke()


def draw_weight(context, layer, part, x, y, size):
    """The part's weight between the layer's lowest and highest, and the cut."""
    height, width = 64, 16
    weights = layer["weight"]
    low, high = min(weights), max(weights)
    cut = min(weights[i] for i in layer["kept"])

    def place(weight):
        return height * (weight - low) / (high - low)

    context.set_source_rgb(0.94, 0.94, 0.93)
    context.rectangle(x, y, size, height)
    context.fill()
    context.set_source_rgb(*(TEAL if part in layer["kept"] else GREY))
    context.rectangle(x + (size - width) / 2, y + height, width, -place(weights[part]))
    context.fill()
    context.set_source_rgb(*INK)
    context.set_line_width(1.5)
    context.move_to(x, y + height - place(cut))
    context.line_to(x + size, y + height - place(cut))
    context.stroke()
    word = "kept" if part in layer["kept"] else "skipped"
    text(context, x + size / 2, y + height + 22, word, 17, bold=word == "kept")
    text(context, x + size / 2, y + height + 42, f"{weights[part]:.4f}", 15, FAINT)
    text(context, x + size / 2, y + height + 60, f"cut {cut:.4f}", 15, FAINT)


def draw_journey(record, path):
    layers = record["layers"]
    n_side = record["images"][0]["planes"][0]["rows"]
    part = PART[0] * n_side + PART[1]
    picture = cairo.ImageSurface.create_from_png(str(PICTURE))
    size, gap, n_cols = 146, 18, 4
    height = size + 214
    n_rows = -(-len(layers) // n_cols)
    surface = cairo.ImageSurface(
        cairo.FORMAT_RGB24, n_cols * (size + gap) + gap, n_rows * height
    )
    context = cairo.Context(surface)
    context.set_source_rgb(1, 1, 1)
    context.paint()
    for layer in layers:
        x = gap + layer["index"] % n_cols * (size + gap)
        context.save()
        context.translate(0, layer["index"] // n_cols * height)
        text(context, x + size / 2, 26, f"Layer {layer['index']}", 18, bold=True)
        draw_map(context, picture, layer, n_side, x, 38, size)
        text(context, x + size / 2, size + 60, f"{layer['n_kept']} of {layer['n_vision']}", 16, FAINT)
        if layer["routed"]:
            draw_weight(context, layer, part, x, size + 78, size)
        else:
            text(context, x + size / 2, size + 116, "no router", 17, FAINT)
            text(context, x + size / 2, size + 138, "everything runs", 15, FAINT)
        context.restore()
    surface.write_to_png(str(path))
    # Few colours: a quarter of the bytes.
    subprocess.run(["convert", path, "-colors", "256", "-strip", f"PNG8:{path}"], check=True)


def main():
    record = run(sys.argv[1])
    draw_journey(record, HERE / "C/figures/journey.png")


main()
