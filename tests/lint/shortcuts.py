"""Every key of the program is in the shortcuts window and in the help's page of keys."""

import re
import xml.etree.ElementTree as xml

import tree

WINDOW = "ui/pmod-shortcuts-window.ui"
PAGE = "data/help/C/keyboard.page"
APPLICATION = "src/app/pmod-application.c"
# What keys are called in the help.
CALLED = {
    "control": "Ctrl", "shift": "Shift", "alt": "Alt", "return": "Enter", "escape": "Esc",
    "comma": ",", "question": "?", "plus": "+", "minus": "−", "left": "←", "right": "→", "up": "↑",
    "down": "↓", "page_up": "Page Up", "page_down": "Page Down", "space": "Space",
}  # fmt: skip
# The pages' own window and menus, which the help does not explain to whoever reads it.
NOT_IN_PAGE = {"<Alt>Left", "<Alt>Home", "Menu", "<Shift>F10"}


def normal(accelerator):
    """Modifiers in one order."""
    parts = re.findall(r"<(\w+)>", accelerator)
    return ("".join(f"<{p.lower()}>" for p in sorted(parts)) + accelerator.split(">")[-1]).lower()


def accelerators():
    """Of set_accels (): action to its first key. Keypad twins need no line of their own."""
    text = tree.read(APPLICATION)
    table = re.search(r"set_accels \(.*?\n}\n", text, re.S).group(0)
    return dict(re.findall(r'\{ "([\w.-]+)", \{ "([^"]+)"', table))


def property_of(node, name):
    return next(p.text for p in node.findall("property") if p.get("name") == name)


def objects(node, kind):
    return [found for found in node.iter("object") if found.get("class") == kind]


def check_group(group):
    seen = {}
    for shortcut in objects(group, "PmodShortcutRow"):
        for key in property_of(shortcut, "accelerator").split():
            if seen.setdefault(normal(key), shortcut) is not shortcut:
                tree.report(WINDOW, 1, f"{property_of(group, 'title')}: {key} stands twice")


def in_page(accelerator, page):
    """Whether the page has this key, as its table would write it."""
    names = [m.lower() for m in re.findall(r"<(\w+)>", accelerator)]
    key = accelerator.split(">")[-1]
    order = [m for m in ("control", "shift", "alt") if m in names] + [key.lower()]
    keys = "".join(f"<key>{CALLED.get(k, key.upper() if len(key) == 1 else key)}</key>" for k in order)
    return keys in page


def main():
    root = xml.fromstring(tree.read(WINDOW))
    page = tree.read(PAGE)
    shown = set()
    for group in objects(root, "AdwPreferencesGroup"):
        check_group(group)
    for shortcut in objects(root, "PmodShortcutRow"):
        for key in property_of(shortcut, "accelerator").split():
            shown.add(normal(key))
            if key not in NOT_IN_PAGE and not in_page(key, page):
                tree.report(PAGE, 1, f"has no {key}, which the shortcuts window has")
    for action, key in accelerators().items():
        if normal(key) not in shown:
            tree.report(WINDOW, 1, f"has no {key}, which {APPLICATION} binds to {action}")
    tree.finish(len(shown), "keys")


main()
