"""32 layers of 2,880 tokens are drawn anew within one frame of a 60 Hz screen, drawn by Cairo."""

import subprocess

import harness
from harness import BUILD, FIXTURES

LIMIT_MS = 16


def test_redraw():
    command = [BUILD / "tests/ui/redraw", FIXTURES / "images/landscape.png", str(LIMIT_MS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    print("".join(f"# {line}\n" for line in done.stdout.splitlines()), end="")
    assert done.returncode == 0, f"over {LIMIT_MS} ms, or failed: {done.returncode}\n{done.stderr}"


harness.run(test_redraw)
