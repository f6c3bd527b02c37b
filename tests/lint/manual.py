"""The manual page and --help name the same options.

Called as: manual.py PMOD PAGE. Every option that a subcommand's --help prints stands in the page,
and the other way round.
"""

import re
import subprocess
import sys

import tree

COMMANDS = ("info", "run", "chat", "flops", "trace", "bench", "sweep", "eval", "serve", "train",
            "pull")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")


def helped(program):
    """Option -> the first subcommand whose --help names it."""
    found = {}
    for command in COMMANDS:
        done = subprocess.run([program, command, "--help"], capture_output=True, text=True)
        options = set(OPTION.findall(done.stdout))
        if done.returncode != 0 or "--help" not in options:
            tree.report("src/cli", 0, f"pmod {command} --help does not help ({done.returncode})")
        for option in sorted(options):
            found.setdefault(option, command)
    return found


def documented(page):
    found = {}
    for number, line in enumerate(open(page, encoding="utf-8"), 1):
        for option in OPTION.findall(re.sub(r"\\f.", "", line).replace("\\-", "-")):
            found.setdefault(option, number)
    return found


def main():
    program, page = sys.argv[1:]
    in_help, in_page = helped(program), documented(page)
    for option, command in in_help.items():
        if option not in in_page:
            tree.report("data/man/pmod.1", 0, f"does not name {option} of pmod {command}")
    for option, number in in_page.items():
        if option not in in_help:
            tree.report("data/man/pmod.1", number, f"no --help names {option}")
    tree.finish(len(in_help), "options")


main()
