"""Another program that has copied the picture named as its argument. Ends when it is ended."""

import pathlib
import sys

import gi

gi.require_version("Gdk", "4.0")
gi.require_version("Gtk", "4.0")
from gi.repository import Gdk, GLib, Gtk  # noqa: E402

Gtk.init()
content = GLib.Bytes.new(pathlib.Path(sys.argv[1]).read_bytes())
provider = Gdk.ContentProvider.new_for_bytes("image/png", content)
Gdk.Display.get_default().get_clipboard().set_content(provider)
print("ready", flush=True)
GLib.MainLoop().run()
