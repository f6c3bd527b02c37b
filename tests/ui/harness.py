"""A display, a bus and the window on them: what the tests of the window share.

Nothing is faked: real keys through the X server, names and states through AT-SPI, pixels from a
screenshot. Every wait has a limit; what is missing on this machine skips the test, with the reason.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = TOP / "tests/fixtures"
# Its shape and answers are known; the bundled model's, called "demo", may be any.
DEMO = FIXTURES / "demo-v0"
BUILD = pathlib.Path(os.environ.get("STRATA_BUILD_DIR", TOP / "build"))
WAIT_S = 120
# Set to a folder to keep what the screen showed.
SHOTS = os.environ.get("STRATA_UI_SCREENSHOTS")


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


def need_all():
    for program in ("Xvfb", "xdotool", "xev", "import", "convert", "dbus-run-session"):
        if not shutil.which(program):
            skip(f"{program} is not installed")
    try:
        import gi

        gi.require_version("Atspi", "2.0")
        from gi.repository import Atspi  # noqa: F401
    except (ImportError, ValueError) as error:
        skip(f"no AT-SPI for {sys.executable}: {error}")


def enter_session():
    """Starts this script again inside a session bus of its own."""
    if os.environ.get("STRATA_UI_SESSION"):
        return
    need_all()
    with tempfile.TemporaryDirectory() as home:
        environment = dict(os.environ, STRATA_UI_SESSION="1", HOME=home, LANG="C.UTF-8")
        for name in ("CONFIG_HOME", "CACHE_HOME", "DATA_HOME", "RUNTIME_DIR"):
            path = pathlib.Path(home, name.lower())
            path.mkdir(mode=0o700)
            environment[f"XDG_{name}"] = str(path)
        for name in ("LC_ALL", "LANGUAGE", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS"):
            environment.pop(name, None)
        # The leak sanitizer's reasons lie deeper than frame pointers lead.
        environment.setdefault("ASAN_OPTIONS", "fast_unwind_on_malloc=0:malloc_context_size=8")
        environment.setdefault("LSAN_OPTIONS", f"suppressions={TOP}/tests/lsan.supp")
        with Display(environment):
            command = ["dbus-run-session", "--", sys.executable, *sys.argv]
            sys.exit(subprocess.run(command, env=environment).returncode)


class Display:
    """An X server that nobody sees, on whatever number is free."""

    def __init__(self, environment):
        reader, writer = os.pipe()
        self.server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writer), "-screen", "0", "1280x800x24", "-noreset"],
            pass_fds=[writer],
            stderr=subprocess.DEVNULL,
        )
        os.close(writer)
        with os.fdopen(reader) as lines:
            number = lines.readline().strip()
        if not number:
            skip("Xvfb did not start")
        environment.update(
            DISPLAY=f":{number}",
            GDK_BACKEND="x11",
            GSK_RENDERER="cairo",
            # Cairo draws; the GL of this machine is not under test, nor what it leaks.
            GDK_DEBUG="gl-disable",
            GSETTINGS_BACKEND="memory",
            GSETTINGS_SCHEMA_DIR=str(BUILD / "data"),
            NO_AT_BRIDGE="0",
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.terminate()
        self.server.wait()


def wait_for(what, find, limit=WAIT_S):
    """The first true value of find (), or a failure that names what was waited for."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        start = time.monotonic()
        try:
            found = find()
        except Exception as error:  # An object may leave the tree while it is looked at.
            if "GLib.Error" not in repr(type(error)) and type(error).__name__ != "Error":
                raise
            found = None
        if found:
            return found
        # As long as it took to look, so that others come to work, too.
        time.sleep(min(max(0.05, time.monotonic() - start), 0.2))
    raise AssertionError(f"waited {limit} s in vain for {what}")


def xdotool(*arguments):
    done = subprocess.run(["xdotool", *map(str, arguments)], capture_output=True, text=True)
    return done.stdout.split()


def keys(*names):
    for name in names:
        xdotool("key", "--clearmodifiers", name)
        time.sleep(0.05)


def type_text(text):
    xdotool("type", "--delay", 15, text)


class Window:
    """The program, from start to an exit that must be clean."""

    program = BUILD / "src/app/strata"
    last = None  # that was opened
    code = None  # that it had ended with before a failure was noticed
    said = ""

    def __init__(self, *arguments, size=(1280, 800)):
        import accessibles
        from gi.repository import Atspi

        self.Atspi = Atspi
        self.program = str(self.program)
        self.messages = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [self.program, *map(str, arguments)],
            env=dict(os.environ, G_DEBUG="fatal-warnings"),
            stderr=self.messages,
        )
        Window.last = self
        self.frame = wait_for("the window", self.find_frame)
        self.tree = accessibles.Tree(BUILD / "tests/ui/accessible-tree", self.frame.get_application())
        self.window = wait_for("its X window", self.find_window)
        xdotool("windowmove", self.window, 0, 0)
        xdotool("windowsize", self.window, *size)
        xdotool("windowfocus", self.window)
        # Where no tooltip follows and no part of the picture is hovered.
        xdotool("mousemove", size[0] // 2, 2)
        time.sleep(0.5)

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        if failure:
            keep_screenshot()
            self.code = self.process.poll()
            self.process.kill()
            self.process.wait()
            self.pass_on_messages()
            return
        keys("ctrl+q")
        code = self.process.wait(WAIT_S)
        self.pass_on_messages()
        assert code == 0, f"strata ended with {code}; under G_DEBUG=fatal-warnings"

    def pass_on_messages(self):
        self.messages.seek(0)
        self.said = self.messages.read().decode(errors="replace")
        sys.stderr.write(self.said)

    def fell_over_gtk(self):
        """GTK 4.8 now and then has no monitor for a window that has just come, says so as a critical
        message, and so ends the program here. That is all that a second try is for."""
        return self.code == -signal.SIGTRAP and "GDK_IS_MONITOR (monitor)" in self.said

    def find_frame(self):
        if self.process.poll() is not None:
            self.code = self.process.returncode
            self.pass_on_messages()
            raise AssertionError(f"strata ended early with {self.code}")
        desktop = self.Atspi.get_desktop(0)
        for i in range(desktop.get_child_count()):
            application = desktop.get_child_at_index(i)
            if application and application.get_process_id() == self.process.pid:
                return application.get_child_count() and application.get_child_at_index(0)
        return None

    def find_window(self):
        found = xdotool("search", "--onlyvisible", "--pid", self.process.pid)
        return found[-1] if found else None

    def walk(self, node=None):
        """See accessibles.Node."""
        return self.tree.walk(node or self.frame)

    def everything(self):
        """All windows of the program, not only the first."""
        return self.walk(self.frame.get_application())

    def keep(self, name):
        """A screenshot, where somebody wants to see them."""
        if SHOTS:
            self.screenshot(pathlib.Path(SHOTS, name))

    def names(self, part=""):
        return [node.get_name() for node in self.walk() if part in (node.get_name() or "")]

    def wait_name(self, part, limit=WAIT_S):
        return wait_for(f'something named "{part}"', lambda: self.names(part), limit)[0]

    def box(self, node):
        """Where it is in its window, and how large: x, y, width, height."""
        box = node.get_extents(self.Atspi.CoordType.WINDOW)
        return box.x, box.y, box.width, box.height

    def middle(self, node):
        """Once it has a place and stays there. (GTK 4.8 says nothing of pages that slide in, and of one
        that is hidden the place that it had.)"""

        def stays():
            before = self.box(node)
            time.sleep(0.05)
            return min(before[2:]) > 0 and self.box(node) == before and before

        x, y, width, height = wait_for(f"the place of {node.get_name()}", stays)
        return x + width // 2, y + height // 2

    def click(self, node, x_id=None):
        """In the middle of it; x_id: of the X window that it is in, where that is not the first."""
        xdotool("mousemove", "--window", x_id or self.window, *self.middle(node), "click", 1)

    def find(self, name, role=None):
        """What has this very name, in any window; without a role what can be pressed, which its label, of
        the same name, cannot. It has a place: of others a press is lost."""

        def is_meant(node):
            if (node.get_name() or "").strip() != name:
                return False
            if role and node.get_role_name() != role or not role and not can_press(node):
                return False
            return min(self.box(node)[2:]) > 0

        def can_press(node):
            return node.get_role_name() != "label" and node.get_n_actions() and self.has(node, "SENSITIVE")

        found = lambda: next((node for node in self.everything() if is_meant(node)), None)
        return wait_for(f'{role or "something to press"} named "{name}"', found)

    def press(self, name, role=None):
        self.find(name, role).do_action(0)

    def choose_file(self, title, path):
        """By the file chooser of that title, which is coming: the path goes into its own entry."""
        chooser = wait_for(f"the chooser {title}", lambda: xdotool("search", "--name", title))[-1]

        def has_entry():
            """One that has just come may not have the keys yet; a slash too many leads to the same file."""
            nodes = (node for node in self.everything() if node.get_name() == "GtkFileChooserEntry")
            if any(self.has(node, "FOCUSED") for node in nodes):
                return True
            xdotool("windowfocus", chooser)
            keys("slash")
            time.sleep(0.5)
            return False

        wait_for("the chooser's entry", has_entry)
        type_text(str(path)[1:])
        keys("Return", "Return")

    def layers(self):
        """As they are now: what is asked of them later is what they were."""
        return self.tree.children(self.frame, "Layers")

    def has(self, node, state):
        return node.get_state_set().contains(getattr(self.Atspi.StateType, state))

    def selected_layer(self):
        found = [i for i, cell in enumerate(self.layers()) if self.has(cell, "SELECTED")]
        return found[0] if found else None

    def wait_layers(self):
        def ready():
            names = [cell.get_name() for cell in self.layers()]
            return names if names and not any("not computed" in name for name in names) else None

        return wait_for("the maps of all layers", ready)

    def focus_layers(self):
        """By a click on the layer that is selected; the pointer goes back to where it was."""

        def focused():
            return any(self.has(cell, "FOCUSED") for cell in self.layers())

        if focused():
            return
        x, y = (place.split(":")[1] for place in xdotool("getmouselocation")[:2])
        cell = self.layers()[self.selected_layer() or 0]
        self.click(cell)
        xdotool("mousemove", x, y)
        wait_for("a layer that has the focus", focused, 10)

    def screenshot(self, path=None):
        """Rows of (red, green, blue), after the window had time to draw."""
        time.sleep(0.5)
        if path:
            subprocess.run(["import", "-window", "root", str(path)], check=True)
        raw = subprocess.run(
            ["import", "-window", "root", "-depth", "8", "rgb:-"], check=True, capture_output=True
        ).stdout
        width, height = map(int, xdotool("getdisplaygeometry"))
        assert len(raw) == width * height * 3
        return Pixels(raw, width, height)


class Pixels:
    def __init__(self, raw, width, height):
        self.raw, self.width, self.height = raw, width, height

    def at(self, x, y):
        start = (int(y) * self.width + int(x)) * 3
        return tuple(self.raw[start : start + 3])

    def bounds(self, color):
        """The smallest box around all pixels of a color."""
        xs, ys = [], []
        for y in range(self.height):
            row = self.raw[y * self.width * 3 : (y + 1) * self.width * 3]
            found = [x for x in range(self.width) if near(row[x * 3 : x * 3 + 3], color, 2)]
            if found:
                xs += [found[0], found[-1]]
                ys.append(y)
        assert xs, f"no pixel is {color}"
        return min(xs), min(ys), max(xs) + 1, max(ys) + 1


def near(a, b, tolerance):
    return all(abs(i - j) <= tolerance for i, j in zip(a, b))


def examples():
    return json.loads((FIXTURES / "demo/examples.json").read_text())


def run(*tests):
    enter_session()
    import gi

    gi.require_version("Atspi", "2.0")
    for number, test in enumerate(tests, 1):
        start = time.monotonic()
        try:
            for tries_left in (2, 1, 0):
                try:
                    test()
                    break
                except Exception:
                    if not tries_left or not Window.last or not Window.last.fell_over_gtk():
                        raise
                    print(f"# {test.__name__}: GTK found no monitor; once more")
        except Exception:
            import traceback

            print(f"not ok {number} {test.__name__}")
            traceback.print_exc()
            sys.exit(1)
        print(f"ok {number} {test.__name__} # {time.monotonic() - start:.1f} s", flush=True)
    print(f"1..{len(tests)}")


def keep_screenshot():
    path = BUILD / "tests/ui/failed.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["import", "-window", "root", str(path)])
    print(f"# what the screen showed: {path}")
