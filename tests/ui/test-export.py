"""Export from the real window: each kind through the dialog and the file chooser, what lies in the
files, and the saved run opened again where there is no model."""

import csv
import io
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import zipfile

import harness
from harness import BUILD, DEMO, FIXTURES, Window, keys, type_text, wait_for, xdotool

PICTURE = FIXTURES / "demo/seen-00.png"
NOTHING = "There is nothing to export yet: open a picture first."
QUESTION = "Where is the circle?"


def find(window, name, role=None):
    for node in window.everything():
        if (node.get_name() or "").strip() == name and (role is None or node.get_role_name() == role):
            return node
    return None


def wait_found(window, name, role=None):
    return wait_for(f'{role or "something"} named "{name}"', lambda: find(window, name, role))


def x_window(title):
    found = xdotool("search", "--onlyvisible", "--name", f"^{title}$")
    return found[-1] if found else None


def press(window, name, role, title="Export"):
    """A click in the middle of a control of the window of that title."""
    node = wait_found(window, name, role)
    window.click(node, wait_for(f"the window {title}", lambda: x_window(title)))
    time.sleep(0.2)
    return node


def open_dialog(window):
    xdotool("windowfocus", window.window)
    keys("ctrl+e")
    node = wait_found(window, "This layer\u2019s map", "check box")
    xdotool("windowfocus", wait_for("the dialog", lambda: x_window("Export")))
    time.sleep(0.3)
    return node


def save(window, kind, path, *choices):
    """kind and choices: what is pressed in the dialog. Only path's folder is typed, before the name
    that the file chooser suggests: so path is also what must be suggested."""
    open_dialog(window)
    node = press(window, kind, "check box")
    wait_for(f"{kind} chosen", lambda: window.has(node, "CHECKED"))
    for choice in choices:
        press(window, choice, "push button")
    window.keep(f"dialog-{path.suffix[1:]}.png")
    time.sleep(0.3)
    press(window, "Export\u2026", "push button")
    xdotool("windowfocus", wait_for("the chooser", lambda: x_window("Save As")))
    wait_for("the chooser's entry", lambda: chooser_entry(window))
    keys("Home")
    type_text(f"{path.parent}/")
    keys("Return")


def export(window, kind, path, *choices):
    save(window, kind, path, *choices)
    wait_for(f"{path.name}", path.exists)
    wait_for(f"the toast about {path.name}", lambda: window.names(f"Exported {path.name}"))
    assert not path.with_name(path.name + ".part").exists()


def chooser_entry(window):
    node = find(window, "Name:", "text")
    return node if node and window.has(node, "FOCUSED") else None


def ask(window):
    window.wait_name("Model: demo-v0")
    window.wait_layers()
    type_text(QUESTION)
    keys("Return")
    return window.wait_name("Answer: At the bottom.")


def reference(folder):
    """The same run by pmod, as a table."""
    trace = pathlib.Path(folder, "reference.trace")
    command = [BUILD / "src/cli/pmod", "run", DEMO, "--trace", trace, "--image", PICTURE]
    subprocess.run([*command, "--prompt", QUESTION], check=True, capture_output=True, timeout=60)
    command = [BUILD / "src/cli/pmod", "trace", trace, "--export", "csv"]
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout


def check_data(folder, expected):
    text = pathlib.Path(folder, "seen-00-routing.csv").read_bytes()
    rows = list(csv.DictReader(io.StringIO(text.decode())))
    wanted = list(csv.DictReader(io.StringIO(expected.decode())))
    key = ("layer", "token", "picture", "plane", "row", "col", "kept", "ratio")
    assert [[row[k] for k in key] for row in rows] == [[row[k] for k in key] for row in wanted]
    kept = [row for row in rows if row["layer"] == "4" and row["kept"] == "1"]
    assert len(kept) == 9, len(kept)
    routing = json.loads(pathlib.Path(folder, "seen-00-routing.json").read_text())
    assert routing["kind"] == "strata-routing" and routing["answer"] == "At the bottom."
    assert routing["layers"][4]["kept"] == [int(row["token"]) for row in kept]
    with zipfile.ZipFile(pathlib.Path(folder, "seen-00-routing.npz")) as arrays:
        assert arrays.testzip() is None and "kept.npy" in arrays.namelist()


def check_maps(folder, layer):
    shape = subprocess.run(
        ["identify", "-format", "%w x %h", pathlib.Path(folder, f"seen-00-layer-{layer}.png")],
        check=True, capture_output=True, text=True,
    ).stdout
    assert shape == "1536 x 1720", shape
    svg = pathlib.Path(folder, "seen-00-layers.svg").read_text()
    assert "<title>seen-00.png \u00b7 all 6 layers</title>" in svg
    assert "Layer 4: 9 of 64" in svg
    assert pathlib.Path(folder, "seen-00-layers.pdf").read_bytes().startswith(b"%PDF-")


def check_bundle(path):
    with zipfile.ZipFile(path) as bundle:
        assert bundle.namelist()[0] == "manifest.json" and bundle.testzip() is None
        manifest = json.loads(bundle.read("manifest.json"))
        turns = json.loads(bundle.read("conversation.json"))["turns"]
    assert manifest["model"]["name"] == "demo-v0" and len(manifest["model"]["config_sha256"]) == 64
    assert turns == [{"question": QUESTION, "answer": "At the bottom."}]
    command = [BUILD / "src/cli/pmod", "trace", path]
    shown = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    assert f'"{QUESTION}": "At the bottom."' in shown and "model demo-v0" in shown, shown
    command += ["--export", "csv"]
    table = subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
    assert table == path.with_name("seen-00-routing.csv").read_bytes()


def look_at_saved(path):
    """No model anywhere: picture, maps and answer are there, and nothing can be asked."""
    with Window("--model", "/nowhere", path) as window:
        window.wait_name("No model is loaded")
        names = window.wait_layers()
        assert names[4] == "Layer 4, routed, keeps 9 of 64", names[4]
        window.wait_name("Answer: At the bottom.")
        window.wait_name(f"Question: {QUESTION}")
        assert window.frame.get_name() == "seen-00.png \u2013 Strata", window.frame.get_name()
        entry = [n for n in window.walk() if n.get_name() == "Message"]
        assert entry and not window.has(entry[0], "SENSITIVE"), "a saved run can be asked"
        window.keep("saved.png")
        # A model that comes later does not wipe it.
        subprocess.run([window.program, "--model", DEMO], check=True, timeout=60)
        window.wait_name("Model: demo-v0")
        time.sleep(0.5)
        window.wait_name("Answer: At the bottom.")
        assert window.wait_layers()[4] == "Layer 4, routed, keeps 9 of 64"


def test_each_kind():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        expected = reference(folder)
        with Window("--model", DEMO, PICTURE) as window:
            ask(window)
            layer = window.selected_layer()
            data, all_maps = "Routing data", "All layers\u2019 maps"
            export(window, "This layer\u2019s map", folder / f"seen-00-layer-{layer}.png")
            export(window, all_maps, folder / "seen-00-layers.svg", "SVG")
            export(window, all_maps, folder / "seen-00-layers.pdf", "PDF", "Weights")
            export(window, data, folder / "seen-00-routing.csv", "CSV")
            export(window, data, folder / "seen-00-routing.npz", "NPY")
            export(window, data, folder / "seen-00-routing.json", "JSON")
            export(window, "The whole run", folder / "seen-00.strata")
            window.keep("toast.png")
        if harness.SHOTS:
            shutil.copytree(folder, harness.SHOTS, dirs_exist_ok=True)
        check_maps(folder, layer)
        check_data(folder, expected)
        check_bundle(folder / "seen-00.strata")
        look_at_saved(folder / "seen-00.strata")


def test_nothing_to_export():
    with Window("--model", "/nowhere") as window:
        open_dialog(window)
        wait_for("the reason", lambda: find(window, NOTHING))
        assert not window.has(wait_found(window, "Export\u2026", "push button"), "SENSITIVE")
        keys("Escape")
        wait_for("the dialog's end", lambda: not find(window, "The whole run", "check box"))


def test_failures():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        bad = folder / "bad.strata"
        bad.write_bytes(b"PK\x03\x04 and nothing more")
        with Window("--model", "/nowhere", bad) as window:
            window.wait_name("This saved run cannot be opened")
            press(window, "Why?", None, "Strata")
            wait_reason(window, "not a saved run")


def wait_reason(window, words):
    wait_for(words, lambda: [n for n in window.everything() if words in (n.get_name() or "")])
    keys("Escape")


def test_cannot_write():
    with tempfile.TemporaryDirectory() as name:
        # What is written first stands in the way.
        pathlib.Path(name, "seen-00-routing.csv.part").mkdir()
        with Window("--model", DEMO, PICTURE) as window:
            window.wait_layers()
            save(window, "Routing data", pathlib.Path(name, "seen-00-routing.csv"), "CSV")
            window.wait_name("seen-00-routing.csv could not be written")
            press(window, "Why?", None, "seen-00.png.*")
            wait_reason(window, "seen-00-routing.csv.part")
        assert os.listdir(name) == ["seen-00-routing.csv.part"], os.listdir(name)


def test_narrow():
    with Window("--model", DEMO, PICTURE, size=(360, 640)) as window:
        window.wait_layers()
        open_dialog(window)
        time.sleep(0.5)
        window.keep("narrow.png")
        for label, role in (("Weights", "push button"), ("Export\u2026", "push button")):
            place = wait_found(window, label, role).get_extents(window.Atspi.CoordType.WINDOW)
            assert 0 <= place.x and place.x + place.width <= 360, (label, place.x, place.width)
        # By keys alone: down the choices, to the file chooser, and out again.
        keys("Down", "Down", "space")
        chosen = wait_found(window, "Routing data", "check box")
        wait_for("the third choice", lambda: window.has(chosen, "CHECKED"))
        keys("alt+e")
        xdotool("windowfocus", wait_for("the chooser", lambda: x_window("Save As")))
        time.sleep(0.3)
        keys("Escape")
        wait_for("the chooser's end", lambda: not x_window("Save As"))
        xdotool("windowfocus", x_window("Export"))
        time.sleep(0.3)
        keys("Escape")
        wait_for("the dialog's end", lambda: not x_window("Export"))
        xdotool("windowfocus", window.window)


harness.run(test_each_kind, test_nothing_to_export, test_failures, test_cannot_write, test_narrow)
