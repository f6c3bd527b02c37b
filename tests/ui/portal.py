"""A portal that says what it is told to: the camera's and the screenshot's, on the session bus.

Called as: portal.py CAMERA SCREENSHOT. CAMERA: "allow" (and then give a PipeWire that is not there),
"refuse", or "none" (no such interface). SCREENSHOT: a file to hand out, "cancel", or "none".
"""

import os
import sys

from gi.repository import Gio, GLib

XML = """
<node>
  <interface name="org.freedesktop.portal.Camera">
    <method name="AccessCamera">
      <arg type="a{sv}" direction="in"/><arg type="o" direction="out"/>
    </method>
    <method name="OpenPipeWireRemote">
      <arg type="a{sv}" direction="in"/><arg type="h" direction="out"/>
    </method>
    <property name="IsCameraPresent" type="b" access="read"/>
    <property name="version" type="u" access="read"/>
  </interface>
  <interface name="org.freedesktop.portal.Screenshot">
    <method name="Screenshot">
      <arg type="s" direction="in"/><arg type="a{sv}" direction="in"/><arg type="o" direction="out"/>
    </method>
    <property name="version" type="u" access="read"/>
  </interface>
</node>
"""
PATH = "/org/freedesktop/portal/desktop"
REQUEST = "org.freedesktop.portal.Request"


def respond(bus, sender, options, response, results):
    """The request's path, on which the response comes a moment later."""
    name = sender[1:].replace(".", "_")
    path = f"{PATH}/request/{name}/{options['handle_token']}"
    answer = GLib.Variant("(ua{sv})", (response, results))
    GLib.timeout_add(200, lambda: bus.emit_signal(sender, path, REQUEST, "Response", answer) and False)
    return GLib.Variant("(o)", (path,))


def main():
    camera, screenshot = sys.argv[1:]

    def call(bus, sender, path, interface, method, arguments, invocation):
        options = arguments.unpack()[-1]
        if method == "AccessCamera":
            reply = respond(bus, sender, options, 0 if camera == "allow" else 1, {})
        elif method == "OpenPipeWireRemote":
            files = Gio.UnixFDList.new()
            reader, _ = os.pipe()
            files.append(reader)
            invocation.return_value_with_unix_fd_list(GLib.Variant("(h)", (0,)), files)
            return
        elif screenshot == "cancel":
            reply = respond(bus, sender, options, 1, {})
        else:
            uri = Gio.File.new_for_path(screenshot).get_uri()
            reply = respond(bus, sender, options, 0, {"uri": GLib.Variant("s", uri)})
        invocation.return_value(reply)

    def get(bus, sender, path, interface, name):
        return GLib.Variant("u", 1) if name == "version" else GLib.Variant("b", True)

    bus = Gio.bus_get_sync(Gio.BusType.SESSION, None)
    for interface in Gio.DBusNodeInfo.new_for_xml(XML).interfaces:
        wanted = camera if interface.name.endswith("Camera") else screenshot
        if wanted != "none":
            bus.register_object(PATH, interface, call, get, None)
    Gio.bus_own_name_on_connection(
        bus,
        "org.freedesktop.portal.Desktop",
        Gio.BusNameOwnerFlags.NONE,
        lambda *_: print("ready", flush=True),
        None,
    )
    GLib.MainLoop().run()


main()
