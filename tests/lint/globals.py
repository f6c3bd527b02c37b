"""Kernels, engine, evaluation, hub and remote have no mutable globals: looks at the writable data of the built libraries.

What is left over after compiling is the truth; a pattern over the sources would not see a static
hidden in a macro.
"""

import re
import subprocess
import sys

import tree

# Written once: an error domain's quark, g_once_init_enter()'s flag, the C++ library's start, the
# loader's references to C++ types, what nvcc registers kernels with, and where a profiler that is
# there has left its functions (NVTX).
ALLOWED = re.compile(
    r"q\.\d+|\w*once\w*(\.\d+)?|_ZStL8__ioinit|DW\.ref\..*|_ZL20__cudaFatCubinHandle|"
    r"_ZG?V?ZL?\d+__device_stub__\w+|nvtxGlobals_v3|InitializeInjectionNvtx2_fnptr"
)
WRITABLE = re.compile(r"\.(data|bss|tdata|tbss)(\.(?!rel\.ro)\S+)?$")


def main():
    libraries = sys.argv[1:]
    symbols = 0
    for library in libraries:
        listing = subprocess.run(
            ["objdump", "--syms", library], capture_output=True, text=True, check=True
        ).stdout
        member = library
        for line in listing.splitlines():
            heading = re.match(r"(\S+):\s+file format", line)
            if heading:
                member = heading.group(1)
            match = re.match(r"[0-9a-f]+ .{6}([O ]) (\S+)\s+([0-9a-f]+) (?:\.hidden )?(\S+)$", line)
            if not match:
                continue
            kind, section, size, name = match.groups()
            symbols += 1
            # objdump marks thread-local variables, alone among variables, with no kind.
            variable = kind == "O" or (section.startswith(".t") and name != section)
            if variable and WRITABLE.match(section) and not ALLOWED.fullmatch(name):
                tree.report(member, 0, f"{name} in {section}: {int(size, 16)} writable bytes")
    tree.finish(symbols, "symbols")


main()
