"""po/POTFILES.in names every file with text for people, and every translation compiles."""

import re
import shutil
import subprocess

import tree

MARKS = {
    ".c": r"(?<!\w)(_|N_|C_|NC_|ngettext|g_dngettext)\s*\(\s*\"",
    ".ui": r"translatable=\"(yes|true)\"",
    ".in": r"<_?(summary|name|p|caption)[ >]|^(_?Name|Comment|Keywords)=",
    ".xml": r"<(summary|description)>",
}


def listed(name):
    for number, line in enumerate(tree.read(f"po/{name}").splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            yield number, line.strip()


def check_potfiles():
    named = {}
    for number, line in listed("POTFILES.in"):
        if line in named:
            tree.report("po/POTFILES.in", number, f"{line} is there twice")
        if not (tree.TOP / line).is_file():
            tree.report("po/POTFILES.in", number, f"{line} does not exist")
        named[line] = number
    paths = tree.files(("src", "ui", "data"), tuple(MARKS))
    for path in paths:
        text = tree.read(path)
        if path.suffix == ".c":
            text = tree.without_comments(text, strings=False)
        match = re.search(MARKS[path.suffix], text, re.M)
        if match and path.name.endswith(".gresource.xml"):
            continue
        if match and str(path) not in named:
            line = text.count("\n", 0, match.start()) + 1
            tree.report(path, line, "has text to translate but is not in po/POTFILES.in")
    return len(paths)


def check_languages():
    languages = {language for _, line in listed("LINGUAS") for language in line.split()}
    for path in tree.files(("po",), (".po",)):
        if path.stem not in languages:
            tree.report(path, 1, "not in po/LINGUAS")
    for language in sorted(languages):
        path = tree.TOP / "po" / f"{language}.po"
        if not path.is_file():
            tree.report("po/LINGUAS", 1, f"{language}.po does not exist")
        elif shutil.which("msgfmt"):
            done = subprocess.run(
                ["msgfmt", "--check", "--output-file=/dev/null", str(path)],
                capture_output=True,
                text=True,
            )
            if done.returncode:
                tree.report(path.relative_to(tree.TOP), 1, done.stderr.strip())


count = check_potfiles()
check_languages()
tree.finish(count, "files")
