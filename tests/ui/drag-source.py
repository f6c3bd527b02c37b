"""Another program, in the lower right corner, whose window is the files named as its arguments,
or after --data the picture itself, as a browser offers one.

Ends when it is ended. The window's name is "files"; how a drag ended is a line of its own.
"""

import pathlib
import sys

import gi

gi.require_version("Gdk", "4.0")
gi.require_version("Gtk", "4.0")
from gi.repository import Gdk, GLib, Gtk  # noqa: E402


def prepare(_source, _x, _y, uris):
    if sys.argv[1] == "--data":
        content = GLib.Bytes.new(pathlib.Path(sys.argv[2]).read_bytes())
        return Gdk.ContentProvider.new_for_bytes("image/png", content)
    # As words too, which is what file managers offer.
    types = ("text/uri-list", "text/plain;charset=utf-8")
    provide = Gdk.ContentProvider.new_for_bytes
    return Gdk.ContentProvider.new_union([provide(t, GLib.Bytes.new(uris)) for t in types])


def drag_begin(_source, drag):
    drag.connect("dnd-finished", lambda _drag: print("dropped", flush=True))
    drag.connect("cancel", lambda _drag, reason: print(reason.value_nick, flush=True))


Gtk.init()
uris = "".join(pathlib.Path(path).resolve().as_uri() + "\r\n" for path in sys.argv[1:] if path != "--data")
source = Gtk.DragSource(actions=Gdk.DragAction.COPY)
source.connect("prepare", prepare, uris.encode())
source.connect("drag-begin", drag_begin)
label = Gtk.Label(label="files")
label.add_controller(source)
window = Gtk.Window(title="files", decorated=False, child=label)
window.set_default_size(120, 60)
window.present()
print("ready", flush=True)
GLib.MainLoop().run()
