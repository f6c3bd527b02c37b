"""The source tree as the lint checks see it: its files, its rooms, and how to report a finding.

Not a check itself. Every check prints FILE:LINE: what is wrong, and ends through finish().
"""

import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
ROOMS = {
    "kernels": "kernels",
    "src/engine": "engine",
    "src/scene": "scene",
    "src/train": "train",
    "src/eval": "eval",
    "src/hub": "hub",
    "src/remote": "remote",
    "src/bridge": "bridge",
    "src/app": "app",
    "src/cli": "cli",
    "src/decoder": "decoder",
    "tests": "tests",
}
CODE = (".c", ".h", ".cc", ".cu", ".cuh")

findings = []


def files(folders, suffixes):
    """Paths below folders, sorted, relative to the top of the tree."""
    found = set()
    for folder in folders:
        for path in (TOP / folder).rglob("*"):
            if path.is_file() and path.suffix in suffixes and "__pycache__" not in path.parts:
                found.add(path.relative_to(TOP))
    return sorted(found)


def code(folders=("kernels", "src", "tests")):
    return files(folders, CODE)


def room(path):
    for folder, name in ROOMS.items():
        if path.is_relative_to(folder):
            return name
    return None


def read(path):
    return (TOP / path).read_text(encoding="utf-8")


def without_comments(text, strings=True):
    """C text with comments (and the insides of strings) blanked, every line kept in its place."""

    def blank(match):
        found = match.group(0)
        if found[0] == "/" or (strings and found[0] in "\"'"):
            return re.sub(r"[^\n]", " ", found)
        return found

    pattern = r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'"
    return re.sub(pattern, blank, text, flags=re.S)


def report(path, line, message):
    findings.append(f"{path}:{line}: {message}")


def finish(checked, what):
    """Prints the findings and leaves. Nothing to look at is a failure too: a check that sees no
    file is broken."""
    for finding in findings:
        print(finding)
    print(f"{checked} {what} checked, {len(findings)} findings")
    sys.exit(1 if findings or not checked else 0)
