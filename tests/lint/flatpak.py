"""The Flatpak manifest asks for no more than it says why, and brings what the runtime has not.

It cannot be built without a network; this checks what can be wrong in it without that.
"""

import json
import re

import tree

MANIFEST = "data/flatpak/io.github.strata.Strata.json"
ALLOWED = {
    "--socket=wayland",
    "--socket=fallback-x11",
    "--share=ipc",
    "--share=network",
    "--device=dri",
}
# What the build asks for: in org.gnome.Platform and its SDK, or the module that brings it.
RUNTIME = {
    "cairo", "dl", "gdk-pixbuf-2.0", "gio-2.0", "gio-unix-2.0", "glib-2.0", "gobject-2.0",
    "gstreamer-1.0", "gstreamer-app-1.0", "gstreamer-video-1.0", "gtk4", "json-glib-1.0",
    "libadwaita-1", "libarchive", "librsvg-2.0", "libsoup-3.0", "libwebp", "libwebpdemux", "m",
    "openmp", "pangocairo", "rt", "sqlite3", "threads",
}  # fmt: skip
MODULES = {
    "dnnl": "onednn",
    "sentencepiece": "sentencepiece",
    "sentencepiece_train": "sentencepiece",
    "libcmark": "cmark",
    "libseccomp": "libseccomp",
    "libportal": "libportal",
}


def report(message):
    tree.report(MANIFEST, 1, message)


def check_permissions(manifest):
    why = manifest.get("x-permissions", {})
    for permission in manifest["finish-args"]:
        if permission not in ALLOWED:
            report(f"{permission} is not on the list of what may be asked for")
        if not why.get(permission):
            report(f"{permission}: x-permissions does not say why")
    for permission in why:
        if permission.startswith("--") and permission not in manifest["finish-args"]:
            report(f"x-permissions explains {permission}, which is not asked for")


def dependencies():
    """Names that Meson looks for, outside of what only tests or CUDA need."""
    names = set()
    for path in tree.files(("src", "kernels"), (".build",)) + [tree.pathlib.Path("meson.build")]:
        text = re.sub(r"#.*", "", tree.read(path))
        names |= set(re.findall(r"\bdependency\('([^']+)'", text))
        names |= set(re.findall(r"\bcc\.find_library\('([^']+)'", text))
    return names - {"cudart_static"}


def check_modules(manifest):
    modules = {module["name"] for module in manifest["modules"]}
    for name in sorted(dependencies()):
        if name not in RUNTIME and MODULES.get(name) not in modules:
            report(f"the build needs {name}, which neither the runtime nor a module has")
    for name in modules - set(MODULES.values()) - {"strata"}:
        report(f"module {name} brings nothing that the build needs")


def check_sources(manifest):
    for module in manifest["modules"]:
        for source in module["sources"]:
            if source["type"] == "dir":
                continue
            if not source["url"].startswith("https://"):
                report(f"{module['name']}: {source['url']} is not https")
            if source["type"] == "git":
                if not re.fullmatch(r"[0-9a-f]{40}", source.get("commit", "")):
                    report(f"{module['name']}: its source has no commit")
            elif not re.fullmatch(r"[0-9a-f]{64}", source.get("sha256", "")):
                report(f"{module['name']}: its source has no SHA-256")


def check_options(manifest):
    known = set(re.findall(r"option\('(\w+)'", tree.read("meson_options.txt")))
    own = next(module for module in manifest["modules"] if module["name"] == "strata")
    for option in own["config-opts"]:
        name = re.match(r"-D(\w+)=", option)
        if not name or name.group(1) not in known:
            report(f"{option}: meson_options.txt has no such option")


def main():
    manifest = json.loads(tree.read(MANIFEST))
    if manifest["id"] + ".json" != MANIFEST.split("/")[-1]:
        report(f"is called otherwise than its id {manifest['id']}")
    check_permissions(manifest)
    check_modules(manifest)
    check_sources(manifest)
    check_options(manifest)
    tree.finish(len(manifest["modules"]), "modules")


main()
