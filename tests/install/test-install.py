"""What is installed is whole and goes again; with --start: works from where it is installed.

For that it is installed into an empty folder, which is mounted over the prefix where this machine lets a
user have mounts of his own (unshare): so what runs is the installed program, with the installed data.
"""

import configparser
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

BUILD = pathlib.Path(os.environ["STRATA_BUILD_DIR"])
TOP = pathlib.Path(__file__).resolve().parents[2]
ID = "io.github.strata.Strata"
LOG = BUILD / "meson-logs/install-log.txt"
PREFIX = next(
    option["value"]
    for option in json.loads(
        subprocess.run(
            ["meson", "introspect", "--buildoptions", BUILD], check=True, capture_output=True
        ).stdout
    )
    if option["name"] == "prefix"
)
FILES = [
    "bin/strata",
    "bin/pmod",
    "libexec/strata/pmod-picture-decoder",
    f"share/applications/{ID}.desktop",
    f"share/dbus-1/services/{ID}.service",
    f"share/glib-2.0/schemas/{ID}.gschema.xml",
    "share/help/C/strata/index.page",
    "share/help/C/strata/journey.page",
    "share/help/C/strata/figures/journey.png",
    "share/help/C/strata/figures/compare.png",
    f"share/icons/hicolor/scalable/apps/{ID}.svg",
    f"share/icons/hicolor/symbolic/apps/{ID}-symbolic.svg",
    "share/icons/hicolor/scalable/mimetypes/application-x-strata-run.svg",
    "share/locale/de/LC_MESSAGES/strata.mo",
    "share/man/man1/pmod.1",
    "share/man/man1/strata.1",
    f"share/metainfo/{ID}.metainfo.xml",
    f"share/mime/packages/{ID}.xml",
    "share/strata/models/demo/config.json",
    "share/strata/samples/samples.json",
]


def run(*command, **more):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, **more)
    assert done.returncode == 0, (command, done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout


def tree(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def install(folder):
    run("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", folder)
    return folder / PREFIX.lstrip("/")


def uninstall(folder):
    environment = dict(os.environ, STRATA_BUILD_DIR=str(BUILD))
    run(TOP / "bootstrap", "uninstall", env=environment)
    assert not tree(folder), f"left behind: {sorted(tree(folder))}"


def desktop_entry(root):
    entry = configparser.ConfigParser(interpolation=None)
    entry.optionxform = str
    entry.read(root / f"share/applications/{ID}.desktop")
    return entry["Desktop Entry"]


def mime_types(root):
    space = "{http://www.freedesktop.org/standards/shared-mime-info}"
    types = xml.parse(root / f"share/mime/packages/{ID}.xml").getroot()
    return {node.get("type") for node in types.iter(f"{space}mime-type")}


def check_files(root):
    """All there, all agreeing with one another, and nothing that starts by itself."""
    for name in FILES:
        if name.endswith(".1") and (root / f"{name}.gz").exists():
            continue
        assert (root / name).is_file(), f"{name} was not installed"
    entry = desktop_entry(root)
    opened = set(entry["MimeType"].strip(";").split(";"))
    assert entry["DBusActivatable"] == "true" and entry["Icon"] == ID, dict(entry)
    assert mime_types(root) <= opened, (mime_types(root), opened)
    service = (root / f"share/dbus-1/services/{ID}.service").read_text()
    assert f"Name={ID}\n" in service, service
    assert f"Exec={PREFIX}/bin/strata --gapplication-service\n" in service, service
    metainfo = xml.parse(root / f"share/metainfo/{ID}.metainfo.xml").getroot()
    assert metainfo.findtext("id") == ID
    assert metainfo.findtext("launchable") == f"{ID}.desktop"
    told = {node.text for node in metainfo.iter("mediatype")}
    assert told == opened, (told, opened)
    starts = [name for name in tree(root.parent.parent) if "autostart" in name or "systemd" in name]
    assert not starts, starts


def test_whole_and_gone():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        check_files(install(folder))
        uninstall(folder)


def test_databases_and_strangers():
    """What installing without a DESTDIR makes besides goes as well; what belongs to others stays."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        share = install(folder) / "share"
        stranger = share / "applications/stranger.desktop"
        stranger.write_text("[Desktop Entry]\nType=Application\nName=X\nExec=true\nMimeType=a/b;\n")
        run("glib-compile-schemas", share / "glib-2.0/schemas")
        icons = shutil.which("gtk4-update-icon-cache") or "gtk-update-icon-cache"
        run(icons, "-q", "-t", "-f", share / "icons/hicolor")
        run("update-desktop-database", "-q", share / "applications")
        run("update-mime-database", share / "mime")
        environment = dict(os.environ, STRATA_BUILD_DIR=str(BUILD))
        run(TOP / "bootstrap", "uninstall", env=environment)
        left = {str(p.relative_to(share)) for p in share.rglob("*") if p.is_file()}
        assert left == {"applications/stranger.desktop", "applications/mimeinfo.cache"}, left
        assert "strata" not in (share / "applications/mimeinfo.cache").read_text()


# Run in the mounts: $1 is what is mounted over $2.
INSIDE = """
set -eu
mount --bind "$1" "$2"
glib-compile-schemas "$2/share/glib-2.0/schemas"
update-desktop-database "$2/share/applications"
update-mime-database "$2/share/mime"
exec dbus-run-session -- "$3" "$4" --in-session
"""


def window_names(pattern="Strata"):
    done = subprocess.run(
        ["xdotool", "search", "--onlyvisible", "--name", pattern, "getwindowname", "%@"],
        capture_output=True,
        text=True,
    )
    return done.stdout.splitlines()


def call(method, *arguments):
    command = ["gdbus", "call", "--session", "--dest", ID, "--object-path"]
    return run(*command, "/" + ID.replace(".", "/"), "--method", method, *arguments)


def make_viewer():
    """A help viewer that only writes down what it is asked to show."""
    folder = pathlib.Path(os.environ["XDG_DATA_HOME"], "applications")
    folder.mkdir(parents=True)
    (folder / "viewer").write_text(f'#!/bin/sh\necho "$1" >"{folder}/asked"\n')
    (folder / "viewer").chmod(0o755)
    (folder / "viewer.desktop").write_text(
        f"[Desktop Entry]\nType=Application\nName=Viewer\nExec={folder}/viewer %u\n"
        "MimeType=x-scheme-handler/help;\n"
    )
    run("update-desktop-database", folder)
    return folder / "asked"


def n_processes():
    """Of the installed program, in this session."""
    own = f"{PREFIX}/bin/strata"
    count = 0
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            display = f"DISPLAY={os.environ['DISPLAY']}\0".encode()
            count += words[0].decode() == own and display in (process / "environ").read_bytes()
        except OSError:
            continue
    return count


def in_session():
    sys.path.insert(0, str(TOP / "tests/ui"))
    import harness

    def wait_title(title):
        harness.wait_for(f"a window called {title}", lambda: title in window_names())

    sample = f"{PREFIX}/share/strata/samples/star.png"
    asked = make_viewer()
    # A program that does not run yet is started by any of its actions, with a window to stand over.
    call("org.gtk.Actions.Activate", "preferences", "[]", "{}")
    harness.wait_for("the preferences", lambda: "Preferences" in window_names(".*"))
    wait_title("Strata")
    call("org.freedesktop.Application.Activate", "{}")
    assert n_processes() == 1
    call("org.freedesktop.Application.Open", f"['file://{sample}']", "{}")
    wait_title("star.png \u2013 Strata")
    # A second start hands its pictures to the first, and the first of them is shown.
    folder = pathlib.Path(sample).parent
    run(f"{PREFIX}/bin/strata", "snowman.png", "star.png", cwd=folder)
    wait_title("snowman.png \u2013 Strata")
    run(f"{PREFIX}/bin/strata", "file://" + str(TOP / "tests/fixtures/saved/seen-00.strata"))
    wait_title("seen-00.png \u2013 Strata")
    assert n_processes() == 1
    path = TOP / "tests/fixtures/saved/seen-00.strata"
    assert "application/x-strata-run" in run("gio", "info", "-a", "standard::content-type", path)
    assert f"{ID}.desktop" in run("gio", "mime", "application/x-strata-run")
    model = run(f"{PREFIX}/bin/pmod", "info", "demo", "--json")
    assert f"{PREFIX}/share/strata/models/demo" in model, model[:300]
    call("org.gtk.Actions.Activate", "help", "[]", "{}")
    harness.wait_for("the help in its viewer", asked.exists)
    assert asked.read_text() == "help:strata\n", asked.read_text()
    call("org.gtk.Actions.Activate", "quit", "[]", "{}")
    harness.wait_for("the program's end", lambda: n_processes() == 0)


def can_mount():
    command = ["unshare", "--user", "--map-root-user", "--mount", "true"]
    return not subprocess.run(command, capture_output=True).returncode if shutil.which("unshare") else False


def test_started_by_the_bus():
    sys.path.insert(0, str(TOP / "tests/ui"))
    import harness

    harness.need_all()
    if not can_mount() or not pathlib.Path(PREFIX).is_dir():
        harness.skip(f"no mounts of one's own on {PREFIX}: the installed program is not started")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        root = install(folder / "root")
        environment = dict(os.environ, HOME=str(folder), LANG="C.UTF-8")
        for name in ("LC_ALL", "LANGUAGE", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS"):
            environment.pop(name, None)
        for name in ("CONFIG_HOME", "CACHE_HOME", "DATA_HOME", "RUNTIME_DIR"):
            path = folder / name.lower()
            path.mkdir(mode=0o700)
            environment[f"XDG_{name}"] = str(path)
        environment["XDG_DATA_DIRS"] = f"{PREFIX}/share:/usr/share"
        environment["PATH"] = f"{PREFIX}/bin:{environment['PATH']}"
        with harness.Display(environment):
            environment.pop("GSETTINGS_SCHEMA_DIR")
            command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", INSIDE, "sh"]
            run(*command, root, PREFIX, sys.executable, __file__, env=environment)


def main():
    if "--in-session" in sys.argv:
        in_session()
        return
    tests = [test_whole_and_gone, test_databases_and_strangers]
    if "--start" in sys.argv:
        tests = [test_started_by_the_bus]
    before = LOG.read_bytes() if LOG.exists() else None
    try:
        for test in tests:
            test()
            print(f"ok {test.__name__}", flush=True)
    finally:
        # It is what removes a real installation of this build.
        if before is not None:
            LOG.write_bytes(before)
        elif LOG.exists():
            LOG.unlink()


main()
