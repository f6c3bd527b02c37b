"""A model of pmod serve in the window: connecting by keys, maps, counters and an answer from there,
a wrong token, a server that dies in the middle of an answer, and back to a model here."""

import re
import signal
import subprocess
import time

import harness
from harness import BUILD, DEMO, FIXTURES, Window, keys, type_text, wait_for, xdotool


class Server:
    def __init__(self, model):
        self.process = subprocess.Popen(
            [BUILD / "src/cli/pmod", "serve", model, "--port", "0"],
            stdout=subprocess.PIPE,
            text=True,
        )
        line = self.process.stdout.readline()
        self.address, self.token = re.match(r"(http\S+)/v1 .* token (\S+)\n", line).groups()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def x_window(title):
    found = xdotool("search", "--onlyvisible", "--name", f"^{title}$")
    return found[-1] if found else None


def open_dialog(window):
    """By the model's menu and keys alone."""
    xdotool("windowfocus", window.window)
    button = next(n for n in window.walk() if (n.get_name() or "").startswith("Model: "))
    nodes = list(window.walk(button))
    for _ in range(40):
        if any(window.has(n, "FOCUSED") for n in nodes):
            break
        keys("shift+Tab")
    assert any(window.has(n, "FOCUSED") for n in nodes), "Shift+Tab leads past the model's button"
    keys("space")
    wait_for(
        "the menu",
        lambda: [n for n in window.everything() if n.get_name() == "Connect to a Server…"],
    )
    keys("c")
    xdotool("windowfocus", wait_for("its X window", lambda: x_window("Connect to a Server")))
    time.sleep(0.3)


def connect(window, address, token):
    open_dialog(window)
    keys("ctrl+a")
    type_text(address)
    keys("Tab")
    type_text(token)
    keys("Return")


def wait_closed(window):
    """Asked of the X server: a window that goes must not be walked through."""
    wait_for("the dialog's end", lambda: not x_window("Connect to a Server"))
    xdotool("windowfocus", window.window)
    time.sleep(0.2)
    keys("F9", "F9")  # to the entry


def texts(window, part):
    return [n.get_name() for n in window.everything() if part in (n.get_name() or "")]


def ask_until_in_the_middle(window, server):
    """How long an answer takes is the machine's affair."""
    for n, delay in enumerate((0.3, 0.2, 0.4, 0.15, 0.5, 0.1, 0.25, 0.35), 1):
        type_text("What is this?")
        keys("Return")
        time.sleep(delay)
        server.process.send_signal(signal.SIGSTOP)
        time.sleep(0.5)
        if window.names("Answer: The") and len(window.names("picture reused")) < n + 1:
            return
        server.process.send_signal(signal.SIGCONT)
        wait_for("the answer", lambda: len(window.names("picture reused")) == n + 1)
    raise AssertionError("no answer could be caught in its middle")


def test_server_in_the_window():
    with (
        Server(DEMO) as server,
        Server(FIXTURES / "tiny-pmod-llava-next") as random,
        Window("--model", DEMO, FIXTURES / "demo/seen-01.png") as window,
    ):
        window.wait_name("Model: demo-v0")
        here = window.wait_layers()
        connect(window, server.address, "wrong-token-wrong-token")
        wait_for("the reason", lambda: texts(window, "the token is not the one"))
        window.keep("remote-refused.png")
        assert not window.names("on the server"), "the model here stays in use"
        keys("ctrl+a")
        type_text(server.token)
        keys("Return")
        wait_closed(window)
        window.wait_name(f"Model: demo-v0, on the server {server.address}")
        assert window.wait_layers() == here
        type_text("How many balloons are there?")
        keys("Return")
        window.wait_name("Answer: One.")
        wait_for("the counts", lambda: window.names("picture reused"))
        window.keep("remote-answer.png")

        # Another one, whose answers are long; it dies in the middle of one.
        connect(window, random.address, random.token)
        window.wait_name(f"Model: tiny-pmod-llava-next, on the server {random.address}")
        wait_closed(window)
        window.wait_layers()
        ask_until_in_the_middle(window, random)
        random.process.kill()
        random.process.wait()
        wait_for("the reason", lambda: window.names("in the middle of the answer"))
        window.keep("remote-gone.png")

        # The window goes on, with the first one again, whose token it still knows.
        open_dialog(window)
        window.keep("remote-dialog.png")
        keys("ctrl+a")
        type_text(server.address)
        keys("Return")
        window.wait_name(f"Model: demo-v0, on the server {server.address}")
        wait_closed(window)
        type_text("Where is the dog?")
        keys("Return")
        window.wait_name("Answer: At the bottom.")


harness.run(test_server_in_the_window)
