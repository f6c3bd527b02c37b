"""po/POTFILES.in names every file with text for people, and every translation is whole and well set.

Whole: every message of those files, none left out, none only guessed ("fuzzy"), none that the code
no longer has; formats, plurals and mnemonics as gettext checks them. Well set: the same blanks at
both ends and the same ellipses, and the marks that the language itself uses.
"""

import pathlib
import re
import shutil
import subprocess
import tempfile

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


# What meson's "glib" preset looks for.
KEYWORDS = [
    "_",
    "N_",
    "C_:1c,2",
    "NC_:1c,2",
    "g_dcgettext:2",
    "g_dngettext:2,3",
    "g_dpgettext2:2c,3",
]
PROGRAMS = ("xgettext", "msgcmp", "msgfmt")
# Per language: what must not stand in a translation, and why.
RULES = {
    "de": [
        (r"[\"“](?=\w|%s)|(?<=\w)\"", "German quotes are „ and “"),
        (r"(?<!\s)…", "a no-break space comes before the ellipsis"),
    ],
    "es": [
        (r"[\"“”„]", "Spanish quotes are « and »"),
        (r"^[^¿]*\?|^[^¡]*!", "a question opens with ¿, an exclamation with ¡"),
    ],
    "fr": [
        (r"[\"“”„]", "French quotes are « and »"),
        (r"«(?!\u202f)|(?<!\u202f)»", "a narrow no-break space inside « »"),
        (r"(?<!\u202f)[;!?](?=\s|$)", "a narrow no-break space comes before ; ! ?"),
        (r"(?<!\u00a0):(?=\s|$)", "a no-break space comes before a colon"),
        (r"'", "the apostrophe is ’"),
    ],
    "zh_CN": [
        (r"[\"„]", "Chinese quotes are “ and ”"),
        (r"(?<=[\u4e00-\u9fff])[,;:!?.()](?!_)", "Chinese marks are full-width"),
        (r"(?<!file)[,;:!?(](?=[\u4e00-\u9fff])", "Chinese marks are full-width"),
    ],
}
# Keywords of a desktop entry end in semicolons in every language, and the name of a file has a dot.
EXEMPT = re.compile(r"^([^; ]+;)+$|^\S+\.json$")
MNEMONIC = re.compile(r"\(_\w\)")


def extract(folder):
    """All messages of the files in POTFILES.in, as a template in that folder."""
    template = f"{folder}/strata.pot"
    command = ["xgettext", "--from-code=UTF-8", "--files-from=po/POTFILES.in", "--output", template]
    done = subprocess.run(
        command + [f"--keyword={word}" for word in KEYWORDS],
        cwd=tree.TOP,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        tree.report("po/POTFILES.in", 1, done.stderr.strip())
    return template


def unquote(lines):
    text = "".join(re.search(r"\"(.*)\"", line).group(1) for line in lines)
    return re.sub(r"\\(.)", lambda match: "\n" if match.group(1) == "n" else match.group(1), text)


def entries(path):
    """(line, message, its translations) of each entry with a message."""
    number = 1
    for block in tree.read(path).split("\n\n"):
        fields = re.findall(r"^(msg\w+(?:\[\d\])?) ((?:\".*\"\n?)+)", block, re.M)
        texts = {name: unquote(value.splitlines()) for name, value in fields}
        if texts.get("msgid"):
            found = [value for name, value in texts.items() if name.startswith("msgstr")]
            yield number, texts["msgid"], found
        number += block.count("\n") + 2


def blanks(text):
    return re.match(r"[ \u2003\n]*", text).group(0), re.search(r"[ \u2003\n]*$", text).group(0)


def check_setting(path, language):
    for line, message, translations in entries(path):
        for text in translations:
            # After a full stop of its own, Chinese needs no blank.
            if language != "zh_CN" and blanks(text) != blanks(message):
                tree.report(path, line, f'blanks around "{text}" are not those of "{message}"')
            if text.count("…") != message.count("…") or "..." in text:
                tree.report(path, line, f'"{text}" has not the ellipses of "{message}"')
            if EXEMPT.search(text):
                continue
            for pattern, why in RULES.get(language, []):
                if re.search(pattern, MNEMONIC.sub("", text)):
                    tree.report(path, line, f'"{text}": {why}')


def check_language(path, template):
    commands = [
        ["msgfmt", "--check", "--check-accelerators=_", "--output-file=/dev/null", str(path)],
        # Each message of the template must be there, and translated.
        ["msgcmp", str(path), template],
    ]
    for command in commands:
        done = subprocess.run(command, cwd=tree.TOP, capture_output=True, text=True)
        if done.returncode:
            tree.report(path, 1, done.stderr.strip())
    text = tree.read(path)
    for match in re.finditer(r"^#~ msgid|^#,.*\bfuzzy\b", text, re.M):
        line = text.count("\n", 0, match.start()) + 1
        tree.report(path, line, "a message that is gone, or that was only guessed")
    check_setting(path, path.stem)


def check_languages():
    languages = {language for _, line in listed("LINGUAS") for language in line.split()}
    for path in tree.files(("po",), (".po",)):
        if path.stem not in languages:
            tree.report(path, 1, "not in po/LINGUAS")
    missing = [program for program in PROGRAMS if not shutil.which(program)]
    if missing:
        print(f"languages not checked: no {', '.join(missing)}")
        return
    with tempfile.TemporaryDirectory() as folder:
        template = extract(folder)
        for language in sorted(languages):
            path = pathlib.Path("po", f"{language}.po")
            if not (tree.TOP / path).is_file():
                tree.report("po/LINGUAS", 1, f"{path.name} does not exist")
            else:
                check_language(path, template)


count = check_potfiles()
check_languages()
tree.finish(count, "files")
