"""Live on the test picture for minutes: memory and latency must not grow. Run by hand:

    STRATA_BUILD_DIR=build tests/ui/live-endurance.py [MINUTES] [MODEL]

Prints a line a minute: resident memory, the program's processor time, and the means of what the
bar under the picture says. The first minute is for what is filled once. Fails where the memory of
the last minute is more than GROWTH_MIB above the second's, or where a run in the best minute of the
second half takes more than GROWTH_LATENCY times as long as in the best of the first half: what grows
has no good minutes later, other work on the machine has.
"""

import os
import pathlib
import re
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import harness  # noqa: E402
from harness import Window, keys, type_text, wait_for, xdotool  # noqa: E402

# A frame has 81 KiB and a run's records 20 KiB; at 10 runs a second one that stays is 10 MiB a
# minute. The allocator's own pools move by a few.
GROWTH_MIB = 8
GROWTH_LATENCY = 1.5

MINUTES = int(sys.argv[1]) if len(sys.argv) > 1 else 10
MODEL = sys.argv[2] if len(sys.argv) > 2 else "demo"
FIGURES = re.compile(r"(\d+) fps · ([\d.]+) runs/s · vision ([\d.]+) ms · prefill ([\d.]+) ms")


def resident_mib(pid):
    pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def processor_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def read_figures(window):
    for name in window.names("fps"):
        match = FIGURES.match(name)
        if match:
            return [float(group) for group in match.groups()]
    return None


def ask_again_and_again(window, question):
    entry = next(n for n in window.walk() if n.get_name() == "Standing question")
    place = entry.get_extents(window.Atspi.CoordType.WINDOW)
    xdotool("mousemove", place.x + place.width // 2, place.y + place.height // 2)
    xdotool("click", 1)
    type_text(question)
    keys("Return")
    xdotool("mousemove", 640, 2)


def watch_minute(window):
    """The means of fps, runs, vision and prefill; looked at seldom, for looking costs, too."""
    seen = []
    end = time.monotonic() + 60
    while time.monotonic() < end:
        time.sleep(5)
        figures = read_figures(window)
        if figures:
            seen.append(figures)
    assert seen, "no figures for a minute"
    return [statistics.mean(values) for values in zip(*seen)]


def test_endurance():
    lines = []
    with Window("--model", MODEL, "--camera", "test") as window:
        wait_for("figures", lambda: read_figures(window))
        ask_again_and_again(window, "What is this?")
        pid = window.process.pid
        for minute in range(1, MINUTES + 1):
            before = processor_s(pid)
            fps, runs, vision, prefill = watch_minute(window)
            memory = resident_mib(pid)
            lines.append((memory, vision + prefill))
            print(
                f"# minute {minute}: {memory:.1f} MiB, {processor_s(pid) - before:.0f} s of processor, "
                f"{fps:.0f} fps, {runs:.1f} runs/s, vision {vision:.1f} ms, prefill {prefill:.1f} ms",
                flush=True,
            )
    if len(lines) < 3:
        print("# too short to judge growth")
        return
    growth = lines[-1][0] - lines[1][0]
    half = len(lines) // 2
    early = min(latency for _, latency in lines[:half])
    late = min(latency for _, latency in lines[half:])
    print(f"# {growth:.1f} MiB more; a run's best minute {early:.1f} ms, later {late:.1f} ms")
    assert growth <= GROWTH_MIB
    assert late <= GROWTH_LATENCY * early


harness.run(test_endurance)
