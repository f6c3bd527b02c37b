"""The window of models where there is little room: what does not fit and is loaded anyway, a loading
that is cancelled, and deleting what a download brought, which must free what it says."""

import importlib
import os
import pathlib
import shutil
import subprocess

import harness
from harness import BUILD, Window, keys, wait_for

models = importlib.import_module("test-models")
from hubserver import Hub  # noqa: E402

LITTLE = models.MODELS / "little"
ELSEWHERE = models.MODELS.parent / "elsewhere"
NOTE = b"mine" * 100_000


class Machine:
    """As much memory as it is told, and weights that come when they are let."""

    def __init__(self):
        home = pathlib.Path(os.environ["HOME"])
        self.memory = home / "meminfo"
        self.hold = home / "hold"
        self.set_free(4_000_000)

    def set_free(self, kib):
        self.memory.write_text(f"MemTotal: 8000000 kB\nMemAvailable: {kib} kB\n")

    def start(self, *arguments):
        os.environ.update(
            LD_PRELOAD=str(BUILD / "tests/ui/libmodel-faults.so"),
            STRATA_MEMINFO=str(self.memory),
            STRATA_HOLD=str(self.hold),
        )
        try:
            return Window(*arguments)
        finally:
            for name in ("LD_PRELOAD", "STRATA_MEMINFO", "STRATA_HOLD"):
                del os.environ[name]


def pull(*arguments):
    with Hub({models.NAME: models.repository()}) as hub:
        environment = dict(os.environ, HF_ENDPOINT=hub.url)
        command = [BUILD / "src/cli/pmod", "pull", models.NAME, *arguments]
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)


def button(window, name):
    """Of a dialog, which has each button twice and names it "_Name Name"."""
    for node in window.everything():
        if node.get_name() == f"_{name} {name}" and node.get_role_name() == "push button":
            if node.get_extents(window.Atspi.CoordType.WINDOW).width > 0:
                return node
    return None


def row(window, *parts):
    found = lambda: [n for n in models.nodes(window, "little: ") if all(p in n.get_name() for p in parts)]
    return wait_for(f"little: {parts}", found)[0]


def load_anyway(window, machine):
    machine.set_free(1000)
    keys("Escape")
    wait_for("the window to close", lambda: not models.models_frame(window))
    models.open_models(window)
    row(window, "Does not fit: takes ", "only 1.0\u00a0MB are free")
    assert not window.has(models.wait_node(window, "Use, little"), "SENSITIVE")
    models.unfold(window, "little")
    models.wait_node(window, "The machine has that much, but other programs use it.")
    window.keep("models-tight.png")

    # The weights do not come; cancelled, the model before stays.
    machine.hold.touch()
    models.click(window, "Load Anyway, little")
    models.wait_node(window, "Loading the model, ")
    window.keep("models-loading.png")
    # The main window has such a button, too.
    [cancel] = [n for n in models.nodes(window, "Cancel") if n.get_role_name() == "push button"]
    models.click_on(window, cancel)
    models.wait_node(window, "Cancelling\u2026")
    machine.hold.unlink()
    wait_for("the end of loading", lambda: not models.nodes(window, "Cancelling\u2026"))
    wait_for("what was in use", lambda: window.names("Model: demo"))
    assert not models.nodes(window, "This model cannot be used"), "what was cancelled is no failure"
    models.click(window, "Load Anyway, little")
    window.wait_name("Model: little")
    row(window, "In use, in ")


def answer(window, name):
    wait_for(f"to answer {name}", lambda: button(window, name)).do_action(0)
    wait_for("the question to go", lambda: not button(window, "Delete"))


def delete(window):
    """One that is in use. What else lies in its folder stays."""
    brought = [p for p in LITTLE.rglob("*") if p.is_file() and p.name not in ("note.txt", ".strata-pull.lock")]
    room = sum(p.stat().st_size for p in brought if p.name != "strata-manifest.json")
    models.wait_node(window, "Delete\u2026, little").do_action(0)
    wait_for("the question", lambda: button(window, "Delete"))
    said = [n.get_name() for n in window.everything() if "become free" in (n.get_name() or "")][0]
    assert said.startswith(f"It is in use, and is unloaded first. {room / 1e6:.1f}\u00a0MB on the disk"), said
    assert f"from {models.NAME} at 1111" in said, said
    window.keep("models-delete.png")
    answer(window, "Cancel")
    assert all(p.exists() for p in brought), "deleted although it was cancelled"
    models.wait_node(window, "Delete\u2026, little").do_action(0)
    answer(window, "Delete")
    window.wait_name("Model: none")
    wait_for("it to go", lambda: not models.nodes(window, "little: "))
    assert [p.name for p in LITTLE.rglob("*")] == ["note.txt"]


def only_own(window):
    """Neither the bundled model nor one that was downloaded to elsewhere."""
    for name in ("demo", "elsewhere"):
        models.unfold(window, name)
    models.wait_node(window, "Load Again, demo")
    models.wait_node(window, "Verify, elsewhere")
    models.wait_node(window, "Take Off the List, elsewhere")
    assert not models.nodes(window, "Delete\u2026")
    for name in ("demo", "elsewhere"):
        models.unfold(window, name)


def test_room():
    shutil.rmtree(models.MODELS, ignore_errors=True)
    pull()
    pull("--to", str(ELSEWHERE))
    (LITTLE / "note.txt").write_bytes(NOTE)
    machine = Machine()
    # In use once, and listed from then on.
    with machine.start("--model", ELSEWHERE) as window:
        window.wait_name("Model: elsewhere")
        models.open_models(window)
        models.wait_node(window, "elsewhere: ")
        models.click(window, "Use, demo")
        window.wait_name("Model: demo")
        only_own(window)
        load_anyway(window, machine)
        delete(window)


if __name__ == "__main__":
    harness.run(test_room)
