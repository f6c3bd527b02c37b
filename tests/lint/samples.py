"""The sample pictures: each question that samples.json suggests gets the answer beside it.

Called as: samples.py PMOD. Also: every listed picture exists, every picture is listed, and each has
the drawing that it was rendered from.
"""

import json
import subprocess
import sys

import tree

FOLDER = tree.pathlib.Path("data/samples")


def check_questions(program, sample):
    for question, expected in zip(sample["questions"], sample["answers"], strict=True):
        # One thread: other tests run beside this one.
        command = [program, "run", "demo", "--threads", "1", "--image", FOLDER / sample["file"]]
        done = subprocess.run(
            command + ["--prompt", question], capture_output=True, text=True, cwd=tree.TOP
        )
        answer = done.stdout.strip()
        if done.returncode or answer != expected:
            got = answer or done.stderr.strip()
            tree.report(
                FOLDER / sample["file"], 0, f"{question} expected {expected}, got {got}"
            )


def main():
    program = tree.pathlib.Path(sys.argv[1]).resolve()
    samples = json.loads(tree.read(FOLDER / "samples.json"))
    listed = {sample["file"] for sample in samples}
    pictures = {path.name for path in tree.files((FOLDER,), (".png",))}
    for name in sorted(listed ^ pictures):
        tree.report(FOLDER / name, 0, "is either not there or not in samples.json")
    for sample in samples:
        if not (tree.TOP / FOLDER / "drawings" / sample["file"].replace(".png", ".svg")).is_file():
            tree.report(FOLDER / sample["file"], 0, "has no drawing")
        check_questions(program, sample)
    tree.finish(sum(len(sample["questions"]) for sample in samples), "questions")


main()
