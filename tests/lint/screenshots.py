"""Where an address of the screenshots is configured, the metainfo that names them is valid, too."""

import re
import shutil
import subprocess
import sys
import tempfile

import tree

METAINFO = "data/io.github.strata.Strata.metainfo.xml"
ADDRESS = "https://strata.example/screenshots"


def main():
    if not shutil.which("appstreamcli"):
        print("appstreamcli is not installed")
        sys.exit(77)
    text = re.sub("@(BEGIN|END)_SCREENSHOTS@", "", tree.read(f"{METAINFO}.in"))
    text = text.replace("@SCREENSHOTS_URL@", ADDRESS)
    with tempfile.TemporaryDirectory() as folder:
        path = tree.pathlib.Path(folder, tree.pathlib.Path(METAINFO).name)
        path.write_text(text, encoding="utf-8")
        command = ["appstreamcli", "validate", "--no-net", "--explain", path]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        tree.report(f"{METAINFO}.in", 1, done.stdout)
    shown = re.findall(rf'width="(\d+)" height="(\d+)">{ADDRESS}/(\S+?)</image>', text)
    for width, height, name in shown:
        data = (tree.TOP / "data/screenshots" / name).read_bytes()
        size = tuple(int.from_bytes(data[i : i + 4], "big") for i in (16, 20))
        if size != (int(width), int(height)):
            tree.report(f"{METAINFO}.in", 1, f"{name} is {size[0]} x {size[1]}, not {width} x {height}")
    tree.finish(len(shown), "screenshots")


main()
