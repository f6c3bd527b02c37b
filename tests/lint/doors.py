"""Doors between the rooms open downward only: checks what each directory includes and calls.

The table of data/doc/architecture.md in a form that can fail. What a room may include of other
rooms is a set of headers, or True for all that are not private.
"""

import re

import tree

LIBRARIES = {
    r"glib\.h|glib/|glib-unix\.h": "glib",
    r"glib-object\.h|gobject/": "gobject",
    r"gio/": "gio",
    r"gtk/|gdk/|gsk/|adwaita\.h|graphene": "gtk",
    r"gdk-pixbuf/|webp/": "pictures",
    r"json-glib/": "json",
    r"cairo|pango|librsvg/": "drawing",
    r"sentencepiece": "sentencepiece",
    r"oneapi/dnnl/|dnnl": "dnnl",
    r"cuda|cublas|nv": "cuda",
    r"gst/": "gstreamer",
    r"archive\.h|archive_entry\.h": "archive",
    r"libportal/": "portal",
    r"sqlite3\.h": "sqlite",
    r"libsoup/": "soup",
    r"seccomp\.h": "seccomp",
    r"cmark\.h": "cmark",
    r"libintl\.h": "intl",
    # The C and C++ libraries, the compiler's own headers, the system's.
    r"[a-z_]+$|std[a-z]+\.h|(string|math|float|limits|malloc|errno|assert|inttypes|signal|time|unistd|"
    r"fcntl|dlfcn|spawn|locale|pthread|sched|cpuid|omp|fenv|complex|ctype|setjmp|termios|dirent)\.h|"
    r"[a-z0-9]*intrin\.h|arm_neon\.h|(sys|linux)/": "c",
}

ALLOWED_LIBRARIES = {
    "kernels": {"c", "dnnl", "cuda"},
    "engine": {"c", "glib", "gobject", "gio", "json", "sentencepiece", "pictures", "archive"},
    "scene": {"c", "glib", "json", "drawing"},
    "train": {"c", "glib", "gobject", "gio", "json", "sentencepiece"},
    "eval": {"c", "glib", "json"},
    "hub": {"c", "glib", "gobject", "gio", "json", "soup"},
    "remote": {"c", "glib", "gobject", "gio", "soup"},
    "bridge": {"c", "glib", "gobject", "gio", "json", "gstreamer", "portal", "sqlite", "intl"},
    "app": {"c", "glib", "gobject", "gio", "gtk", "pictures", "drawing", "intl", "cmark"},
    "cli": {"c", "glib", "gobject", "gio", "json", "intl", "soup"},
    "decoder": {"c", "glib", "pictures", "seccomp"},
}

ALLOWED_ROOMS = {
    "kernels": {},
    "engine": {"kernels": {"pmod-ops.h", "pmod-tensor.h"}},
    "scene": {},
    "train": {
        "kernels": {"pmod-ops.h", "pmod-ops-train.h", "pmod-tensor.h"},
        "engine": True,
        "scene": {"pmod-scene.h"},
    },
    "eval": {"engine": {"pmod-engine.h"}, "scene": {"pmod-scene.h"}},
    "hub": {},
    "remote": {"engine": {"pmod-engine.h"}},
    "bridge": {
        "engine": {"pmod-engine.h"},
        "hub": {"pmod-hub.h"},
        "remote": {"pmod-remote.h"},
    },
    "app": {"bridge": True},
    "decoder": {"engine": {"pmod-engine.h", "pmod-image-wire.h"}},
    "cli": {
        "engine": {"pmod-engine.h"},
        "eval": {"pmod-eval.h"},
        "hub": {"pmod-hub.h"},
        "remote": {"pmod-remote-wire.h"},
        "train": {"pmod-train.h"},
    },
}

# Programs beside a library are programs, not part of it, and so is what only tests link.
PROGRAMS = ("kernels/bench", "kernels/cuda/emulated", "src/scene/view")

ENDS_THE_PROGRAM = re.compile(
    r"(?<![\w>.])(printf|fprintf|vprintf|vfprintf|puts|fputs|putchar|perror|exit|_exit|abort|"
    r"g_print|g_printerr|g_error|g_abort)\s*\("
)


# What the window opens is decoded in another process: see pmod-image-isolated.h.
DECODES = re.compile(
    r"\b(pmod_image_load|pmod_image_load_bytes|gdk_texture_new_from_(file|filename|bytes)|"
    r"gdk_clipboard_read_texture\w*|gdk_pixbuf_\w+|gtk_(image|picture)_(new|set)_\w*file\w*|"
    r"GDK_TYPE_TEXTURE)\b"
)


def library_of(header):
    for pattern, library in LIBRARIES.items():
        if re.match(pattern, header):
            return library
    return None


INCLUDE = re.compile(r"^\s*#\s*include\s*([<\"])([^>\"]+)[>\"]", re.M)


def engine_carriers(headers):
    """Headers of the bridge that bring the engine's along, themselves or through another."""
    included = {
        path.name: {match.group(2) for match in INCLUDE.finditer(tree.read(path))}
        for path in headers
        if tree.room(path) == "bridge"
    }
    carriers = {"pmod-engine.h"}
    while True:
        more = {name for name, names in included.items() if names & carriers} - carriers
        if not more:
            return carriers
        carriers |= more


def room_of(name, here, rooms):
    """The room that a header of this name comes from: two rooms that never meet may share one."""
    for there in (here, *ALLOWED_ROOMS[here]):
        if there in rooms.get(name, ()):
            return there
    return next(iter(rooms.get(name, ())), None)


def check_local(path, line, header, here, rooms, carriers):
    there = room_of(header.split("/")[-1], here, rooms)
    if there is None or there == here:
        return
    if header.endswith("-private.h"):
        tree.report(path, line, f"{header} is private to {there}")
        return
    if here == "app" and there == "bridge" and header in carriers:
        tree.report(path, line, f"{header} brings pmod-engine.h along: not for the app")
        return
    allowed = ALLOWED_ROOMS[here].get(there, set())
    if allowed is not True and header not in allowed:
        what = f"only {', '.join(sorted(allowed))}" if allowed else "nothing"
        tree.report(path, line, f"{here} may include {what} of {there}, not {header}")


def check_library(path, line, header, here):
    library = library_of(header)
    if library is None:
        tree.report(path, line, f"<{header}> is in no list of tests/lint/doors.py")
    elif library not in ALLOWED_LIBRARIES[here]:
        tree.report(path, line, f"{here} may not include <{header}> ({library})")


def check(path, rooms, carriers):
    here = tree.room(path)
    text = tree.without_comments(tree.read(path), strings=False)
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if match and match.group(1) == "<":
            check_library(path, number, match.group(2), here)
        elif match:
            check_local(path, number, match.group(2), here, rooms, carriers)
    if here in ("cli", "decoder"):
        return
    for number, line in enumerate(tree.without_comments(text).splitlines(), 1):
        match = DECODES.search(line) if here in ("bridge", "app") else None
        if match:
            tree.report(path, number, f"{match.group(1)}: pictures are not decoded in the window")
        match = ENDS_THE_PROGRAM.search(line)
        if match:
            tree.report(path, number, f"{match.group(1)} () is for the command line and tests")


def main():
    sources = [path for path in tree.code(("kernels", "src")) if tree.room(path)]
    headers = [path for path in sources if path.suffix in (".h", ".cuh")]
    rooms = {}
    for path in headers:
        rooms.setdefault(path.name, []).append(tree.room(path))
    carriers = engine_carriers(headers)
    for path in sources:
        if not any(path.is_relative_to(folder) for folder in PROGRAMS):
            check(path, rooms, carriers)
    tree.finish(len(sources), "files")


main()
