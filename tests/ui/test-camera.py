"""Live in the real window: maps follow, freeze, ask, go on, stop; and every camera that fails."""

import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

import harness
from harness import DEMO, FIXTURES, Window, keys, type_text, wait_for, xdotool

PORTAL = pathlib.Path(__file__).with_name("portal.py")
FIGURES = re.compile(r"(\d+) fps · ([\d.]+) runs/s · vision ([\d.]+) ms · prefill ([\d.]+) ms")


def has(factory):
    command = ["gst-inspect-1.0", factory]
    return subprocess.run(command, capture_output=True).returncode == 0


def live(source, *arguments, **options):
    return Window("--model", DEMO, "--camera", source, *arguments, **options)


def node(window, name, role=None):
    found = [n for n in window.walk() if n.get_name() == name]
    if role:
        found = [n for n in found if n.get_role_name() == role]
    return found[0] if found else None


def press(window, name):
    window.click(wait_shown(window, name))
    xdotool("mousemove", 640, 2)


def wait_figures(window):
    return wait_for("figures", lambda: next(filter(None, map(FIGURES.match, window.names("fps"))), 0))


def is_shown(window, node_):
    """Pages of a stack that were never shown have names, too, but no size; what is hidden has none."""
    return node_ and node_.get_extents(window.Atspi.CoordType.WINDOW).width > 0


def wait_shown(window, part):

    def find():
        return next((n for n in window.walk() if part in (n.get_name() or "") and is_shown(window, n)), 0)

    return wait_for(f'"{part}" to be seen', find)


def picture_name(window):
    return next(iter(window.names("Camera, ")), "")


def layer_names(window):
    return tuple(cell.get_name() for cell in window.layers())


def picture_part(pixels):
    """Where the picture is drawn: between the header bar and the strip."""
    return pixels.raw[60 * pixels.width * 3 : 470 * pixels.width * 3]


def test_live():
    with live("test") as window:
        window.wait_layers()

        def lively():
            figures = wait_figures(window)
            return int(figures.group(1)) >= 10 and float(figures.group(2)) >= 2 and figures

        # The first second is the start's.
        print(f'# {wait_for("10 frames and 2 runs in a second", lively).group(0)}')
        # The ball moves, and the masks with it.
        pictures = {picture_part(window.screenshot()) for _ in range(4)}
        assert len(pictures) >= 3, f"{len(pictures)} pictures in four looks"
        assert not window.names("Question: "), "live makes no conversation"

        # Two settings are compared on one frame: what differs can be counted, however often one looks.
        keys("ctrl+d")
        window.wait_name("kept by both")
        for _ in range(10):
            assert window.names("kept by both"), "the sides show two frames"
        keys("ctrl+d")
        wait_for("one side", lambda: not is_shown(window, node(window, "Side by Side")))

        type_into_question(window, "How many circles are there?")
        wait_for("a decode time", lambda: window.names("decode"))
        answer = wait_for("an answer", lambda: [n for n in window.names("Answer: ") if len(n) > 9])
        print(f"# standing question: {answer[0]}")

        keys("ctrl+shift+l")
        window.wait_name("Frozen")
        wait_for("a still's title", lambda: window.frame.get_name().startswith("Camera, "))
        still = picture_part(window.screenshot())
        time.sleep(0.5)
        assert picture_part(window.screenshot()) == still, "a still moves"
        focus_message(window)
        type_text("How many circles are there?")
        keys("Return")
        window.wait_name("Question: How many circles are there?")
        wait_for("its answer", lambda: window.names("tokens · first word"))

        keys("ctrl+shift+l")
        wait_figures(window)
        assert not window.names("Question: ")
        keys("ctrl+l")
        # Back to what was said about the still.
        window.wait_name("Question: How many circles are there?")
        wait_for("no bar", lambda: not is_shown(window, node(window, "Standing question", "text")))


def type_into_question(window, text):
    window.click(wait_for("the entry", lambda: node(window, "Standing question")))
    xdotool("mousemove", 640, 2)
    type_text(text)
    keys("Return")


def focus_message(window):
    wait_for("the entry", lambda: any(window.has(n, "FOCUSED") for n in window.walk() if n.get_name() == "Message"))


def test_question_freezes_and_mirror():
    with live("test") as window:
        wait_figures(window)
        press(window, "Mirror the picture")
        wait_for("it pressed", lambda: window.has(node(window, "Mirror the picture"), "PRESSED"))
        keys("ctrl+l")
        window.wait_name("Sample picture")
        keys("ctrl+l")
        wait_figures(window)
        window.click(node(window, "Message"))
        type_text("What is this?")
        keys("Return")
        window.wait_name("Question: What is this?")
        window.wait_name("Frozen")
        # Another picture ends it: no bar, no camera.
        subprocess.run([window.program, FIXTURES / "demo/seen-02.png"], check=True, timeout=60)
        wait_for("the title", lambda: window.frame.get_name().startswith("seen-02.png"))
        wait_for("no bar", lambda: not is_shown(window, node(window, "Switch the camera off")))


def test_list():
    with live("test") as window:
        wait_figures(window)
        press(window, "Choose a camera")
        wait_shown(window, "Test picture, in use")
        keys("Return")  # the first row has the focus
        wait_figures(window)


def test_none():
    with live("No such lens") as window:
        wait_shown(window, "The Camera Cannot Be Used")
        wait_shown(window, "No camera was found")
        press(window, "Back")
        wait_shown(window, "Sample picture")
        press(window, "Choose a camera")
        wait_shown(window, "Plug one in")
        keys("Escape")


def make_film(folder, n_frames, encoder="jpegenc"):
    path = pathlib.Path(folder, "film.mkv")
    text = f"videotestsrc num-buffers={n_frames} pattern=ball ! video/x-raw,width=96,height=72,"
    text += f"framerate=10/1 ! {encoder} ! matroskamux ! filesink location={path}"
    subprocess.run(["gst-launch-1.0", "-q", *text.split()], check=True, timeout=60)
    return path


def test_film():
    with tempfile.TemporaryDirectory() as folder, live(f"file:{make_film(folder, 15)}") as window:
        window.wait_layers()
        wait_figures(window)
        # Longer than the film: it begins again, and no still of its end is kept.
        time.sleep(3)
        wait_figures(window)


def test_vanishing():
    """A film through a pipe of which the rest never comes: its last frame stays, to be asked about."""
    with tempfile.TemporaryDirectory() as folder:
        film = make_film(folder, 20).read_bytes()
        pipe = pathlib.Path(folder, "pipe")
        os.mkfifo(pipe)
        end = os.open(pipe, os.O_RDWR)
        os.write(end, film)
        with live(f"file:{pipe}") as window:
            window.wait_layers()
            wait_shown(window, "has stopped sending pictures")
            wait_shown(window, "The Film Has Stopped")
            assert window.frame.get_name().startswith("Camera, ")
            assert picture_name(window)
            type_text("What is this?")
            keys("Return")
            window.wait_name("Question: What is this?")
            wait_for("its answer", lambda: window.names("tokens · first word"))
            os.close(end)


@contextlib.contextmanager
def portal(camera, screenshot):
    command = [sys.executable, PORTAL, camera, screenshot]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout.readline() == "ready\n"
            yield
        finally:
            program.terminate()


def test_refused():
    with portal("refuse", "none"), live("portal") as window:
        wait_shown(window, "No Permission for the Camera")
        wait_shown(window, "flatpak permission-reset")
        press(window, "Try Again")
        wait_shown(window, "No Permission for the Camera")
        keys("ctrl+l")
        wait_shown(window, "Sample picture")
    # Without any other camera the desktop's is the first in the list.
    with portal("refuse", "none"), Window("--model", DEMO) as window:
        window.wait_name("Model: demo-v0")
        keys("ctrl+l")
        wait_shown(window, "No Permission for the Camera")
        press(window, "Choose a camera")
        wait_shown(window, "Camera that the desktop offers")
        keys("Escape")


def test_no_portal():
    with live("portal") as window:
        wait_shown(window, "The desktop offers no camera")


def test_pipewire_gone():
    with portal("allow", "none"), live("portal") as window:
        wait_shown(window, "Try Again")


def test_screenshot():
    picture = FIXTURES / "demo/seen-03.png"
    with portal("none", str(picture)), Window("--model", DEMO) as window:
        window.wait_name("Model: demo-v0")
        keys("ctrl+shift+o")
        wait_for("its title", lambda: window.frame.get_name().startswith("seen-03.png"))
        window.wait_layers()
    with Window("--model", DEMO) as window:
        window.wait_name("Model: demo-v0")
        keys("ctrl+shift+o")
        window.wait_name("No screenshot was taken")


def test_narrow():
    with live("test", size=(360, 640)) as window:
        wait_figures(window)
        geometry = xdotool("getwindowgeometry", "--shell", window.window)
        assert "WIDTH=360" in geometry and "HEIGHT=640" in geometry, geometry
        for name in ("Freeze the picture", "Mirror the picture", "Standing question", "Switch the camera off"):
            place = node(window, name).get_extents(window.Atspi.CoordType.WINDOW)
            assert place.x >= 0 and place.x + place.width <= 360, f"{name}: {place.x} {place.width}"
            assert place.y + place.height <= 640, f"{name}: {place.y} {place.height}"


# Each with the elements of GStreamer that it needs.
TESTS = {
    test_live: ["videotestsrc"],
    test_question_freezes_and_mirror: ["videotestsrc"],
    test_list: ["videotestsrc"],
    test_none: [],
    test_film: ["jpegenc", "jpegdec", "matroskamux", "matroskademux"],
    test_vanishing: ["jpegenc", "jpegdec", "matroskamux", "matroskademux"],
    test_refused: [],
    test_no_portal: [],
    test_pipewire_gone: ["pipewiresrc"],
    test_screenshot: [],
    test_narrow: ["videotestsrc"],
}


def runnable():
    """Those whose elements are there; the others are named, with the reason."""
    if not shutil.which("gst-inspect-1.0"):
        harness.skip("gst-inspect-1.0 is not installed")
    for test, factories in TESTS.items():
        missing = [factory for factory in factories if not has(factory)]
        if missing:
            print(f"# skipped {test.__name__}: GStreamer has no {', '.join(missing)} here")
        else:
            yield test


harness.enter_session()
tests = list(runnable())
if not tests:
    harness.skip("GStreamer has none of the elements that are needed")
harness.run(*tests)
