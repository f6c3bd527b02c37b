"""Ways into the real window: welcome, file chooser, second start, bad files, recorded runs."""

import pathlib
import subprocess
import sys
import tempfile

import harness
from harness import BUILD, DEMO, FIXTURES, Window, keys, wait_for, xdotool


def wait_title(window, title):
    wait_for(f"the title {title}", lambda: window.frame.get_name() == f"{title} \u2013 Strata")


def test_file_chooser_and_second_start():
    with Window() as window:
        window.wait_name("Sample picture")
        window.wait_name("Model: demo")
        keys("ctrl+o")
        window.choose_file("Open a Picture", FIXTURES / "demo/unseen-00.png")
        wait_title(window, "unseen-00.png")
        window.wait_layers()

        second = subprocess.run([window.program, "seen-02.png"], cwd=FIXTURES / "demo", timeout=60)
        assert second.returncode == 0
        wait_title(window, "seen-02.png")
        window.wait_layers()


def test_paste():
    owner = [sys.executable, pathlib.Path(__file__).with_name("clipboard-owner.py")]
    owner.append(FIXTURES / "demo/seen-03.png")
    with (
        subprocess.Popen(owner, stdout=subprocess.PIPE, text=True) as other,
        Window("--model", DEMO) as window,
    ):
        assert other.stdout.readline() == "ready\n"
        window.wait_name("Model: demo-v0")
        keys("ctrl+v")
        wait_title(window, "Pasted picture")
        expected = [e for e in harness.examples() if e["image"] == "seen-03.png"][0]["kept"]
        names = window.wait_layers()
        for layer, kept in expected.items():
            assert f"keeps {len(kept)} of 64" in names[int(layer)], names[int(layer)]
        other.terminate()


def test_bad_files():
    with tempfile.TemporaryDirectory() as folder, Window("--model", "demo") as window:
        bad = pathlib.Path(folder, "bad.png")
        bad.write_bytes(b"\x89PNG\r\n\x1a\nnothing more")
        subprocess.run([window.program, bad], check=True, timeout=60)
        window.wait_name("This picture cannot be opened")
        # A model that cannot be used leaves the one before in use.
        subprocess.run([window.program, "--model", folder], check=True, timeout=60)
        window.wait_name("This model cannot be used")
        window.wait_name("Model: demo")


def test_shortcuts():
    with Window() as window:
        keys("ctrl+question")
        # A warning of GTK's about what is in it would have ended the program.
        wait_for("the shortcuts", lambda: names_anywhere(window, "Export maps, data or the run"))
        keys("Escape")


def names_anywhere(window, part):
    nodes = window.walk(window.frame.get_application())
    return [node for node in nodes if part in (node.get_name() or "")]


def test_no_model():
    with Window("--model", "/nowhere", FIXTURES / "demo/seen-00.png") as window:
        window.wait_name("No model is loaded")
        subprocess.run([window.program, "--model", "demo"], check=True, timeout=60)
        window.wait_name("Model: demo")
        window.wait_layers()


def test_recorded_run():
    with tempfile.TemporaryDirectory() as folder:
        trace = pathlib.Path(folder, "run.trace")
        command = [BUILD / "src/cli/pmod", "run", DEMO, "--trace", trace]
        command += ["--image", FIXTURES / "demo/seen-00.png", "--prompt", "Where is the circle?"]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        with Window(trace) as window:
            names = window.wait_layers()
            assert names[4] == "Layer 4, routed, keeps 9 of 64", names[4]
            window.wait_name("A Saved Run")


def selected_inside(window, width):
    """The strip ends a margin before the window does."""
    cell = window.layers()[window.selected_layer()]
    place = cell.get_extents(window.Atspi.CoordType.WINDOW)
    return place.x >= 12 and place.x + place.width <= width - 12


def test_narrow():
    with Window("--model", "demo", FIXTURES / "demo/seen-00.png", size=(360, 640)) as window:
        window.wait_layers()
        # The selected layer is inside the strip's part that is shown, whichever it is.
        wait_for("the first choice inside the window", lambda: selected_inside(window, 360))
        geometry = xdotool("getwindowgeometry", "--shell", window.window)
        assert "WIDTH=360" in geometry and "HEIGHT=640" in geometry, geometry
        # What is drawn must fit too: the last button of the bar of panes is inside.
        button = next(node for node in window.walk() if node.get_name().endswith("Conversation"))
        assert button is not None
        window.focus_layers()
        for key, layer in (("End", len(window.layers()) - 1), ("Home", 0)):
            keys(key)
            wait_for(f"layer {layer}", lambda: window.selected_layer() == layer)
            wait_for(f"layer {layer} inside the window", lambda: selected_inside(window, 360))


harness.run(
    test_file_chooser_and_second_start,
    test_paste,
    test_bad_files,
    test_shortcuts,
    test_no_model,
    test_recorded_run,
    test_narrow,
)
