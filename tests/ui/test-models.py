"""The window of models: what is known of each, loading, unloading, refusals, and a download from a
server that breaks off, with real clicks and keys. No server is asked before a button is pressed."""

import os
import pathlib
import shutil
import sys
import time

import harness
from harness import DEMO, FIXTURES, TOP, Window, keys, type_text, wait_for, xdotool

sys.path.insert(0, str(TOP / "tests/cli"))
import hubserver  # noqa: E402
from hubserver import STAY, Hub, Repo  # noqa: E402

MODELS = pathlib.Path(os.environ.get("XDG_DATA_HOME", "/nowhere"), "strata/models")
PICTURE = FIXTURES / "demo/seen-02.png"
NAME = "maker/little"
WEIGHTS = "model.safetensors"
DOCK = (250, 0, 640, 795)  # where the window of models stands


def repository():
    files = {}
    for path in DEMO.rglob("*"):
        if path.is_file():
            files[str(path.relative_to(DEMO))] = path.read_bytes()
    return Repo(files)


def models_frame(window):
    application = window.frame.get_application()
    for i in range(application.get_child_count()):
        frame = application.get_child_at_index(i)
        if frame and frame.get_name() == "Models":
            return frame
    return None


def nodes(window, part):
    """In the window of models, those that have a place on the screen."""
    found = []
    for node in window.walk(models_frame(window)) if models_frame(window) else ():
        if part in (node.get_name() or "") and node.get_extents(window.Atspi.CoordType.WINDOW).width > 0:
            found.append(node)
    return found


def wait_node(window, part):
    return wait_for(f'"{part}" in the window of models', lambda: nodes(window, part))[0]


def dock():
    found = wait_for("the window", lambda: xdotool("search", "--onlyvisible", "--name", "^Models$"))[-1]
    xdotool("windowmove", found, *DOCK[:2])
    xdotool("windowsize", found, *DOCK[2:])
    xdotool("windowfocus", found)
    time.sleep(0.3)
    return found


def open_models(window):
    xdotool("windowfocus", window.window)
    keys("ctrl+m")
    wait_node(window, "demo: ")
    return dock()


def click_on(window, node):
    window.click(node, dock())


def click(window, name):
    """The button of this name, once it can be pressed."""

    def ready():
        return [
            node
            for node in nodes(window, name)
            if node.get_name() == name
            and node.get_role_name() in ("push button", "button", "page tab", "toggle button")
            and window.has(node, "SENSITIVE")
        ]

    click_on(window, wait_for(f'"{name}" to be pressed', ready)[0])


def unfold(window, name):
    """The row of a model, by its title."""
    title = [n for n in nodes(window, name) if n.get_name() == name and n.get_role_name() == "label"]
    click_on(window, title[0])


def ask(window, question):
    xdotool("windowfocus", window.window)
    keys("Tab")
    for _ in range(40):
        focused = [n for n in window.walk() if window.has(n, "FOCUSED")]
        if focused and focused[0].get_name() == "Message":
            break
        keys("Tab")
    type_text(question)
    keys("Return")


def make_models():
    """One whose weights are not numbers, which only loading finds, and one that is none."""
    shutil.rmtree(MODELS, ignore_errors=True)
    poisoned = MODELS / "poisoned"
    shutil.copytree(DEMO, poisoned)
    with open(poisoned / WEIGHTS, "r+b") as file:
        file.seek(-20000, os.SEEK_END)
        file.write(b"\xff" * 20000)
    (MODELS / "broken").mkdir()
    (MODELS / "broken/config.json").write_text("{")


def test_choose():
    make_models()
    with Window("--model", DEMO, PICTURE) as window:
        window.wait_layers()
        maps = [cell.get_name() for cell in window.layers()]
        open_models(window)
        row = wait_for("the sum", lambda: [n for n in nodes(window, "demo: ") if "Fits" in n.get_name()])[0]
        for part in ("million parameters", "layers, ", "vision tokens", "Fits: takes"):
            assert part in row.get_name(), (part, row.get_name())
        wait_node(window, "demo-v0: 4.9 million parameters")
        wait_for("in use", lambda: [n for n in nodes(window, "demo-v0: ") if "In use" in n.get_name()])
        broken = wait_node(window, "broken: Cannot be used")
        assert "config.json" in broken.get_name(), broken.get_name()
        button = wait_node(window, "Use, broken")
        assert not window.has(button, "SENSITIVE"), "what cannot be used can be chosen"
        unfold(window, "demo")
        wait_node(window, "= Needed")
        window.keep("models.png")
        unfold(window, "demo")

        # A failed load leaves the old one in use.
        click(window, "Use, poisoned")
        refused = wait_node(window, "This model cannot be used")
        assert "demo-v0 stays in use" in refused.get_name(), refused.get_name()
        window.keep("models-refused.png")
        window.wait_name("Model: demo-v0")
        assert [cell.get_name() for cell in window.layers()] == maps

        # Unloaded: what is shown stays, and asking says what to do.
        click(window, "Unload, demo-v0")
        window.wait_name("Model: none")
        assert [cell.get_name() for cell in window.layers()] == maps
        ask(window, "What is this?")
        window.wait_name("No answer: no model is loaded. Choose one under Models")
        window.keep("models-unloaded.png")
        open_models(window)
        click(window, "Use, demo")
        window.wait_name("Model: demo")
        wait_for("in use", lambda: [n for n in nodes(window, "demo: ") if "In use" in n.get_name()])


def test_download():
    shutil.rmtree(MODELS, ignore_errors=True)
    with Hub({NAME: repository()}) as hub:
        os.environ["HF_ENDPOINT"] = hub.url
        try:
            with Window("--model", DEMO, PICTURE) as window:
                download(window, hub)
        finally:
            del os.environ["HF_ENDPOINT"]


def wait_status(window, part):
    return wait_node(window, part).get_name()


def download(window, hub):
    window.wait_layers()
    open_models(window)
    click(window, "Get a Model")
    wait_node(window, "Look Up")
    wait_node(window, hub.url)
    entry = [n for n in nodes(window, "Repository: ") if n.get_role_name() in ("text", "list item")]
    click_on(window, entry[0])
    type_text("maker/nothing")
    keys("Return")
    assert "not found" in wait_status(window, "There is nothing that can be used")
    keys("ctrl+a")
    hub.log.clear()
    type_text(NAME)
    time.sleep(0.5)
    assert not hub.log, "a server was asked before a button was pressed"
    click(window, "Look Up")
    wait_node(window, "To download")
    wait_node(window, str(MODELS / "little"))
    assert not MODELS.exists(), "something was written before it was asked for"
    window.keep("models-plan.png")

    # Slowly, while the window is closed, from two clicks on the button.
    hub.log.clear()
    hub.fault(WEIGHTS, hubserver.slow(200, 1000), STAY)
    click(window, "Download")
    xdotool("click", 1)
    wait_status(window, "Downloading: ")
    window.keep("models-download.png")
    keys("Escape")
    wait_for("the window to close", lambda: not models_frame(window))
    window.wait_name("Downloading maker/little")
    open_models(window)
    click(window, "Get a Model")
    click(window, "Stop")
    wait_status(window, "Stopped. What is there stays")
    assert len(hub.requests(WEIGHTS)) == 1, "begun twice"
    assert not (MODELS / "little/config.json").exists()

    # It goes on where it was, although the connection breaks.
    hub.fault(WEIGHTS, hubserver.drop_after(1000))
    click(window, "Go On")
    wait_status(window, "is complete, and every hash is right")
    ranges = [request.headers.get("Range") for request in hub.requests(WEIGHTS)]
    assert len(ranges) == 3 and ranges[0] is None and None not in ranges[1:], ranges
    assert (MODELS / "little" / WEIGHTS).read_bytes() == (DEMO / WEIGHTS).read_bytes()
    click(window, "Use It")
    window.wait_name("Model: little")
    verify(window)


def verify(window):
    click(window, "On This Computer")
    wait_node(window, "little: ")
    unfold(window, "little")
    click(window, "Verify, little")
    wait_status(window, "files are byte for byte as maker/little listed them")
    window.keep("models-verified.png")
    path = MODELS / "little" / WEIGHTS
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    click(window, "Verify, little")
    assert WEIGHTS in wait_status(window, "1 file is missing or wrong")
    click(window, "Repair, little")
    wait_status(window, "is complete, and every hash is right")
    assert path.read_bytes() == data


def look_up(window):
    open_models(window)
    click(window, "Get a Model")
    wait_node(window, "Look Up")
    entry = [n for n in nodes(window, "Repository: ") if n.get_role_name() in ("text", "list item")]
    click_on(window, entry[0])
    type_text(NAME)
    click(window, "Look Up")
    wait_node(window, "To download")


def quit_and_resume(hub):
    hub.fault(WEIGHTS, hubserver.slow(200, 1000), STAY)
    with Window("--model", DEMO) as window:
        look_up(window)
        click(window, "Download")
        wait_status(window, "Downloading: ")
        wait_for("a part of it", lambda: list((MODELS / "little").glob(f"{WEIGHTS}.*.part")))
        dock()
        # The way out of this block, in the window of models.
    assert not (MODELS / "little/config.json").exists()
    hub.log.clear()
    hub.fault(WEIGHTS)
    with Window("--model", DEMO) as window:
        open_models(window)
        click(window, "Go On, little")
        wait_status(window, "is complete, and every hash is right")
        ranges = [request.headers.get("Range") for request in hub.requests(WEIGHTS)]
        assert len(ranges) == 1 and ranges[0], ranges


def test_quit():
    shutil.rmtree(MODELS, ignore_errors=True)
    with Hub({NAME: repository()}) as hub:
        os.environ["HF_ENDPOINT"] = hub.url
        try:
            quit_and_resume(hub)
        finally:
            del os.environ["HF_ENDPOINT"]


if __name__ == "__main__":
    harness.run(test_choose, test_download, test_quit)
