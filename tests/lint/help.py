"""The help's pages: whole, linked, shown by both viewers, and true where they quote the bundled model.

help.py PMOD: the figures of the journey are compared with a run's.
"""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as xml

import tree

FOLDER = "data/help/C"
RESOURCES = "ui/strata.gresource.xml"
# What src/app/pmod-help-page.c shows.
ELEMENTS = set(
    "page info link title desc p section list steps terms item note figure media table tr td code "
    "em gui guiseq key keyseq cmd file input".split()
)
PICTURE = "data/samples/rocket-and-ring.png"
ROW, COLUMN = 3, 11


def name_of(element):
    return element.tag.split("}")[-1]


def pages():
    found = {}
    for path in tree.files((FOLDER,), (".page",)):
        try:
            found[path.stem] = (path, xml.fromstring(tree.read(path)))
        except xml.ParseError as error:
            tree.report(path, error.position[0], str(error))
    return found


def figures():
    """Those in the folder, and those that data/help/meson.build takes from elsewhere."""
    here = {f"figures/{path.name}" for path in tree.files((FOLDER,), (".png",))}
    from_elsewhere = re.findall(r"install_data\('[^']*/([^/']+\.png)'", tree.read("data/help/meson.build"))
    return here | {f"figures/{name}" for name in from_elsewhere}


def check_element(path, element, known, shown):
    name = name_of(element)
    if name not in ELEMENTS:
        tree.report(path, 1, f"<{name}>, which the program's own viewer does not show")
    if name == "link" and element.get("xref") and element.get("xref") not in known:
        tree.report(path, 1, f"a link to {element.get('xref')}, which is no page")
    if name == "media":
        shown.add(element.get("src"))
        if element.get("src") not in figures():
            tree.report(path, 1, f"no figure {element.get('src')}")
        if not "".join(element.itertext()).strip():
            tree.report(path, 1, f"{element.get('src')} has no words for who cannot see it")
    if name in ("keyseq", "guiseq") and "".join(t for t in [element.text] if t).strip() == "":
        if element.text or any(child.tail for child in element):
            tree.report(path, 1, f"white space inside a <{name}>")


def check_page(path, root, known, shown):
    if root.get("id") != path.stem:
        tree.report(path, 1, f"its id is {root.get('id')}")
    children = [name_of(child) for child in root]
    if "title" not in children or not any(name_of(e) == "desc" for e in root.iter()):
        tree.report(path, 1, "no title or no description")
    guides = [e for e in root.iter() if name_of(e) == "link" and e.get("type") == "guide"]
    if path.stem != "index" and not guides:
        tree.report(path, 1, "no page leads to it")
    for element in root.iter():
        check_element(path, element, known, shown)


def check_resources(known, shown):
    text = tree.read(RESOURCES)
    for name in [f"{name}.page" for name in known] + sorted(shown):
        if f'alias="help/{name}"' not in text:
            tree.report(RESOURCES, 1, f"does not have the help's {name}")


def check_journey(pmod, path):
    """Each figure that the journey quotes stands in a run of the bundled model."""
    command = [pmod, "run", "demo", "--image", tree.TOP / PICTURE, "--prompt", "What is this?"]
    done = subprocess.run(
        [*command, "--json", "-", "--full"], capture_output=True, text=True, check=True
    )
    record = json.loads(done.stdout)
    text = re.sub(r"\s+", " ", "".join(xml.fromstring(tree.read(path)).itertext()))
    part = (ROW - 1) * record["images"][0]["planes"][0]["cols"] + COLUMN - 1
    if f"row {ROW}, column {COLUMN}" not in text:
        tree.report(path, 1, f"does not speak of row {ROW}, column {COLUMN}")
    true = {f"{layer['weight'][part]:.4f}" for layer in record["layers"] if layer["routed"]}
    for layer in record["layers"]:
        if layer["routed"]:
            true.add(f"{min(layer['weight'][i] for i in layer['kept']):.4f}")
            if not re.search(rf"\b{layer['n_kept']}\b", text):
                tree.report(path, 1, f"layer {layer['index']} keeps {layer['n_kept']}, which it does not say")
    quoted = set(re.findall(r"\b0\.[89]\d{3}\b", text))
    for figure in sorted(quoted - true):
        tree.report(path, 1, f"{figure} is no weight of that part and no cut")
    if len(quoted) < 8:
        tree.report(path, 1, f"only {len(quoted)} weights are quoted: this check looks at nothing")
    last_kept = max(layer["index"] for layer in record["layers"] if part in layer["kept"])
    if f"in layers 0 to {last_kept}." not in text:
        tree.report(path, 1, f"the part is kept up to layer {last_kept}, which it does not say")


def main():
    known = pages()
    shown = set()
    for path, root in known.values():
        check_page(path, root, known, shown)
    check_resources(known, shown)
    if "journey" in known:
        check_journey(sys.argv[1], known["journey"][0])
    else:
        tree.report(FOLDER, 1, "no page journey")
    tree.finish(len(known), "pages")


main()
