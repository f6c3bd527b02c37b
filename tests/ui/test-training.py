"""The curves of a training run in a real window: read, walked over by keys, followed."""

import math
import os
import pathlib
import struct
import tempfile

import harness
from harness import Window, keys, wait_for

LOSS = 7


def record(step, loss, accuracy):
    return struct.pack("<IHhIIQqddd", 56, LOSS, -1, 1, 0, 0, step, loss, accuracy, 0.001)


def names(window, part):
    nodes = window.walk(window.frame.get_application())
    return [node.get_name() for node in nodes if part in (node.get_name() or "")]


def wait_named(window, part):
    return wait_for(f'something named "{part}"', lambda: names(window, part))[0]


def test_training():
    with tempfile.TemporaryDirectory() as folder:
        directory = pathlib.Path(folder, "small/training")
        directory.mkdir(parents=True)
        done = directory / "from-stage-1-step-0.trace"
        done.write_bytes(
            b"PMODTRC1"
            + record(0, math.nan, 0.01)
            + b"".join(record(100 * i, 4 / i, 0.1 * i) for i in range(1, 6))
        )
        with Window(done) as window:
            wait_named(window, "Loss, 4 at step 100, 0.8 at step 500")
            wait_named(window, "Right, 1.0 percent at step 0, 50.0 percent at step 500")
            wait_named(window, "small")
            # Without a marker the last step is told of.
            wait_named(window, "Step 500  \u00b7  loss 0.8000  \u00b7  50.0 % right")

            focused = lambda: [
                node
                for node in window.walk(window.frame.get_application())
                if (node.get_name() or "").startswith("Loss, ") and window.has(node, "FOCUSED")
            ]
            for _ in range(10):
                if focused():
                    break
                keys("Tab")
            assert focused(), "Tab does not come to the curve of the loss"
            keys("Home")
            wait_named(window, "Step 100  \u00b7  loss 4.0000  \u00b7  10.0 % right")
            keys("Right")
            wait_named(window, "Step 200  \u00b7  loss 2.0000  \u00b7  20.0 % right")
            keys("End", "Left")
            wait_named(window, "Step 400  \u00b7  loss 1.0000  \u00b7  40.0 % right")
            keys("End")

            # A run that goes on is followed; the marker stays at its step.
            part = directory / "from-stage-2-step-0.trace.part"
            part.write_bytes(b"PMODTRC1" + record(500, math.nan, 0.5) + record(600, 0.5, 0.75))
            wait_named(window, "Loss, 4 at step 100, 0.5 at step 600")
            wait_named(window, "Step 500  \u00b7  loss 0.8000  \u00b7  50.0 % right")
            with part.open("ab") as file:
                file.write(record(700, 0.25, 0.875))
            wait_named(window, "Right, 1.0 percent at step 0, 87.5 percent at step 700")
            keys("End")
            wait_named(window, "Step 700  \u00b7  loss 0.2500  \u00b7  87.5 % right")
            keys("Escape")
            wait_for("the curves' end", lambda: not names(window, "Loss, "))
            window.wait_name("Sample picture")


def test_renamed():
    """Opened while it was written, finished while it is shown."""
    with tempfile.TemporaryDirectory() as folder:
        part = pathlib.Path(folder, "from-stage-1-step-0.trace.part")
        part.write_bytes(b"PMODTRC1" + record(0, math.nan, 0.25) + record(100, 2, 0.5))
        with Window(part, size=(360, 640)) as window:
            wait_named(window, "Loss, 2 at step 100, 2 at step 100")
            os.rename(part, part.with_suffix(""))
            later = pathlib.Path(folder, "from-stage-1-step-100.trace.part")
            later.write_bytes(b"PMODTRC1" + record(200, 1, 0.75))
            wait_named(window, "Loss, 2 at step 100, 1 at step 200")
            keys("Escape")
            wait_for("the curves' end", lambda: not names(window, "Loss, "))


harness.run(test_training, test_renamed)
