"""One widget class, one .ui of the same name, and every .ui in the list of resources."""

import re

import tree

NOT_A_WIDGET = r"ADW_TYPE_APPLICATION\b|GTK_TYPE_APPLICATION\b|GTK_TYPE_\w*(MODEL|FILTER|SORTER|LAYOUT_MANAGER)\b"


def widget_classes():
    """Name of the file -> line of the type's definition, for classes derived from a widget."""
    found = {}
    for path in tree.files(("src/app",), (".c",)):
        text = tree.without_comments(tree.read(path))
        for match in re.finditer(r"G_DEFINE_(?:FINAL_)?TYPE\w*\s*\(([^;]*?)\)", text, re.S):
            parent = re.search(r"\b(GTK|ADW)_TYPE_\w+", match.group(1))
            if parent and not re.match(NOT_A_WIDGET, parent.group(0)):
                found[path.stem] = (path, text.count("\n", 0, match.start()) + 1)
    return found


def templates():
    """Name of the file -> the class of its template, or None."""
    found = {}
    for path in tree.files(("ui",), (".ui",)):
        match = re.search(r"<template[^>]*\bclass=\"(\w+)\"", tree.read(path))
        found[path.stem] = (path, match.group(1) if match else None)
    return found


def kebab(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()


def main():
    classes, uis = widget_classes(), templates()
    for name, (path, line) in classes.items():
        if name not in uis:
            tree.report(path, line, f"a widget without ui/{name}.ui")
        elif f"/{name}.ui" not in tree.read(path):
            tree.report(path, line, f"does not set its template from {name}.ui")
    for name, (path, template) in uis.items():
        if template is None:
            tree.report(path, 1, "no template")
        elif kebab(template) != name:
            tree.report(path, 1, f"template {template} belongs in {kebab(template)}.ui")
        if name not in classes:
            tree.report(path, 1, f"no src/app/{name}.c that defines its widget")
    resources = "".join(tree.read(path) for path in tree.files(("ui",), (".xml",)))
    for path in tree.files(("ui",), (".ui", ".css", ".svg")):
        if f"{path.name}</file>" not in resources:
            tree.report(path, 1, "not in the list of resources")
    tree.finish(len(uis), "user interface files")


main()
