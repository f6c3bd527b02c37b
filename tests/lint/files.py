"""Every source file says what it is, has a readable size, and leaves nothing unfinished unsaid."""

import re

import tree

MAX_FILE_LINES = 700
MAX_FUNCTION_LINES = 100
OPENINGS = {
    ".py": ('"""', "#!"),
    ".build": ("#",),
    ".sh": ("#!",),
    ".ui": ("<?xml",),
    ".css": ("/*",),
}


def check_opening(path, text):
    opens = OPENINGS.get(path.suffix, ("/*", "//"))
    if text.strip() and not text.startswith(opens):
        tree.report(path, 1, "opens without a comment that says what the file is")


def check_size(path, lines):
    if len(lines) > MAX_FILE_LINES:
        tree.report(path, MAX_FILE_LINES, f"{len(lines)} lines; at most {MAX_FILE_LINES}")


def check_functions(path, lines):
    """GNU style puts a function's braces in column 0, and nothing else's of that length."""
    start = None
    for number, line in enumerate(lines, 1):
        if line.startswith("{"):
            start = number
        elif line == "}" and start:
            length = number - start - 1
            if length > MAX_FUNCTION_LINES:
                tree.report(path, start, f"function of {length} lines; at most {MAX_FUNCTION_LINES}")
            start = None


def check_lines(path, lines):
    for number, line in enumerate(lines, 1):
        if re.search(r"\b(TODO|FIXME|XXX)\b(?!.*#\d+)", line):
            tree.report(path, number, "unfinished, without the number of an issue")
        if line != line.rstrip() and path.suffix != ".md":
            tree.report(path, number, "white space at the end of the line")
        if "\t" in line and path.suffix not in (".po", ".pot"):
            tree.report(path, number, "a tab")


def main():
    here = tree.pathlib.Path(__file__).resolve().relative_to(tree.TOP)
    suffixes = tree.CODE + (".py", ".sh", ".build", ".ui", ".css", ".md", ".xml", ".in")
    paths = tree.files(("kernels", "src", "tests", "ui", "data", "po"), suffixes)
    paths = [path for path in paths if not path.is_relative_to("tests/fixtures")]
    for path in paths:
        text = tree.read(path)
        lines = text.splitlines()
        if path.suffix not in (".md", ".xml", ".in"):
            check_opening(path, text)
            check_size(path, lines)
        if path.suffix in tree.CODE:
            check_functions(path, lines)
        if path != here:
            check_lines(path, lines)
        if text and not text.endswith("\n"):
            tree.report(path, len(lines), "no newline at the end of the file")
    tree.finish(len(paths), "files")


main()
