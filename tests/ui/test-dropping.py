"""Files dragged from another program's window and dropped on the real one."""

import contextlib
import pathlib
import subprocess
import sys
import tempfile
import time

import harness
from harness import DEMO, FIXTURES, Window, wait_for, xdotool

SOURCE = pathlib.Path(__file__).with_name("drag-source.py")
START = (1150, 730)  # over the files
PICTURE = (300, 300)
ENTRY = (1100, 770)


@contextlib.contextmanager
def files(*paths):
    """A window with files to drag, above the one under test."""
    command = [sys.executable, SOURCE, *paths]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout.readline() == "ready\n"
        found = wait_for("files", lambda: xdotool("search", "--onlyvisible", "--name", "^files$"))
        xdotool("windowmove", "--sync", found[-1], START[0] - 50, START[1] - 30)
        xdotool("windowraise", found[-1])
        yield program
        program.terminate()


def drop(program, target):
    """Button down over the files, a drag in steps as a hand makes it, button up over target."""
    xdotool("mousemove", *START)
    time.sleep(0.3)
    xdotool("mousedown", 1)
    for step in range(1, 11):
        xdotool("mousemove", *(a + (b - a) * step // 10 for a, b in zip(START, target)))
        time.sleep(0.05)
    # The program under the pointer is asked what it takes before the button goes up.
    time.sleep(0.3)
    xdotool("mouseup", 1)
    assert program.stdout.readline() == "dropped\n"


def wait_maps(window, title, image=None):
    image = image or title
    window.wait_name(f"{title} \u2013 Strata")
    expected = [e for e in harness.examples() if e["image"] == image][0]["kept"]
    names = window.wait_layers()
    for layer, kept in expected.items():
        assert f"keeps {len(kept)} of 64" in names[int(layer)], names[int(layer)]


def test_picture():
    with Window("--model", DEMO) as window, files(FIXTURES / "demo/seen-03.png") as program:
        window.wait_name("Model: demo-v0")
        drop(program, PICTURE)
        wait_maps(window, "seen-03.png")


def test_two_files():
    with Window("--model", DEMO) as window:
        window.wait_name("Model: demo-v0")
        with files(FIXTURES / "demo/seen-02.png", FIXTURES / "demo/seen-03.png") as program:
            # Files are pictures to open even over the entry, which takes words.
            drop(program, ENTRY)
        window.wait_name("the first of 2 files")
        wait_maps(window, "seen-02.png")


def test_picture_itself():
    with Window("--model", DEMO) as window:
        window.wait_name("Model: demo-v0")
        with files("--data", FIXTURES / "demo/seen-03.png") as program:
            drop(program, PICTURE)
        wait_maps(window, "Dropped picture", "seen-03.png")


def test_no_picture():
    picture = FIXTURES / "demo/seen-00.png"
    with tempfile.TemporaryDirectory() as folder, Window("--model", DEMO, picture) as window:
        wait_maps(window, "seen-00.png")
        text = pathlib.Path(folder, "notes.txt")
        text.write_text("no picture\n")
        with files(text) as program:
            drop(program, PICTURE)
        window.wait_name("This picture cannot be opened")
        # What was there stays.
        wait_maps(window, "seen-00.png")


def test_saved_run():
    """It needs no model, wherever it comes from."""
    with Window("--model", "/nowhere") as window:
        window.wait_name("No model is loaded")
        with files(FIXTURES / "saved/seen-00.strata") as program:
            drop(program, PICTURE)
        window.wait_name("Answer: At the bottom.")
        wait_maps(window, "seen-00.png")


harness.run(test_picture, test_two_files, test_picture_itself, test_no_picture, test_saved_run)
