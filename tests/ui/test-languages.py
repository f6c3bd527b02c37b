"""The window in each language of po/LINGUAS: what it says is the translation, and nothing is left in English.

The languages' locales are made here, into a folder of their own: no machine has all of them.
Screenshots for the eye lie in BUILD/tests/ui/languages, wide and narrow.
"""

import gettext
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import harness
from harness import BUILD, DEMO, FIXTURES, TOP, Window, keys, type_text, xdotool

PICTURE = FIXTURES / "demo/seen-00.png"
QUESTION = "How many balloons are there?"
PLACES = {"de": "de_DE", "es": "es_ES", "fr": "fr_FR", "zh_CN": "zh_CN"}
POINTS = {"de": ",", "es": ",", "fr": ",", "zh_CN": "."}
SIZES = {"wide": (1280, 800), "narrow": (360, 640)}
# What any program may say, and what is a name or a unit in each language.
SAME_MEANING = {"Details", "Format", "Strata"}


def languages():
    lines = (TOP / "po/LINGUAS").read_text().splitlines()
    return [word for line in lines if not line.startswith("#") for word in line.split()]


def messages(language):
    """The catalogue that was built: message to translation, without contexts and plurals."""
    path = BUILD / "po" / language / "LC_MESSAGES/strata.mo"
    with open(path, "rb") as file:
        catalog = gettext.GNUTranslations(file)._catalog
    return {
        key: text for key, text in catalog.items() if isinstance(key, str) and key and "\4" not in key
    }


def plain(text):
    return text.replace("_", "").strip()


def left_in_english(window, known):
    """Names that are a message as the code has it, where the translation is another."""
    untranslated = {plain(key) for key, text in known.items() if plain(key) != plain(text)}
    translated = {plain(text) for text in known.values()}
    names = {(node.get_name() or "").strip() for node in window.walk()}
    return sorted(names & (untranslated - translated - SAME_MEANING))


def any_number(window, point):
    return any(re.search(rf"\d{re.escape(point)}\d", name or "") for name in window.names())


def make_locales(folder):
    if not shutil.which("localedef") or not pathlib.Path("/usr/share/i18n/locales/de_DE").exists():
        harness.skip("the sources of the locales are not installed (Debian: locales)")
    for place in PLACES.values():
        subprocess.run(
            ["localedef", "-i", place, "-f", "UTF-8", f"{folder}/{place}.UTF-8"], check=True
        )


def keep(window, name):
    folder = BUILD / "tests/ui/languages"
    folder.mkdir(parents=True, exist_ok=True)
    window.screenshot(folder / f"{name}.png")


def width(window):
    shell = xdotool("getwindowgeometry", "--shell", window.window)
    return next(int(line.split("=")[1]) for line in shell if line.startswith("WIDTH="))


def look(window, language, known, extent, name):
    left = left_in_english(window, known)
    assert not left, f"{language}, {name}: left in English: {left}"
    # A text too long for the narrowest window makes it wider than it was asked to be.
    assert width(window) == extent, f"{language}, {name}: {width(window)} wide instead of {extent}"
    keep(window, f"{language}-{name}")


def speak(language):
    known = messages(language)
    for size, extent in SIZES.items():
        with Window("--model", DEMO, size=extent) as window:
            window.wait_name(known["No Picture Yet"])
            look(window, language, known, extent[0], f"{size}-empty")
        with Window("--model", DEMO, PICTURE, size=extent) as window:
            window.wait_name(known["Layer %d, routed, keeps %d of %d"] % (4, 9, 64))
            if size == "wide":
                type_text(QUESTION)
                keys("Return")
                window.wait_name(known["Question: %s"] % QUESTION)
                window.wait_name(known["Answer: %s"] % "")
                # Numbers too are the language's own.
                harness.wait_for("a decimal number", lambda: any_number(window, POINTS[language]))
                look(window, language, known, extent[0], f"{size}-answer")
                keys("ctrl+d")
                window.wait_name(known["A, as set"])
                look(window, language, known, extent[0], f"{size}-compare")
            else:
                look(window, language, known, extent[0], f"{size}-picture")


def test_languages():
    assert set(languages()) == set(PLACES), "PLACES must name a place for each language"
    with tempfile.TemporaryDirectory() as folder:
        make_locales(folder)
        os.environ["LOCPATH"] = folder
        for language in languages():
            os.environ["LC_ALL"] = f"{PLACES[language]}.UTF-8"
            speak(language)


if __name__ == "__main__":
    harness.run(test_languages)
