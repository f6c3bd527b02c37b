"""What the window tells assistive programs, looked at as a whole: one call for all of it."""

import json
import subprocess

from gi.repository import Atspi, Gio, GLib


class States:
    def __init__(self, words):
        self.bits = words[0] | words[1] << 32

    def contains(self, state):
        return bool(self.bits >> int(state) & 1)


class Noted:
    """An object as it was when the tree was looked at."""

    def __init__(self, told):
        self.path, self.parent, self.index, self.name, self.role, self.description, states, self.below = told
        self.states = States(states)
        self.children = []


class Node:
    """An object of the program. While a walk stands at it, it is what was noted of it; from then on
    everything is asked of the program."""

    def __init__(self, tree, noted):
        self.tree, self.noted, self.path, self.object = tree, noted, noted.path, None

    def get_name(self):
        return self.noted.name if self.noted else self.live().get_name()

    def get_description(self):
        return self.noted.description if self.noted else self.live().get_description()

    def get_role_name(self):
        return Atspi.role_get_name(self.noted.role) if self.noted else self.live().get_role_name()

    def get_state_set(self):
        return self.noted.states if self.noted else self.live().get_state_set()

    def live(self):
        if not self.object:
            self.object = self.tree.find_object(self.path)
        return self.object

    def __getattr__(self, name):
        return getattr(self.live(), name)

    def __eq__(self, other):
        return getattr(other, "path", None) == self.path

    def __hash__(self):
        return hash(self.path)


class Tree:
    """application: as AT-SPI knows it. What looks at it is accessible-tree.c."""

    def __init__(self, program, application):
        self.root = application.path
        self.objects = {self.root: application}
        self.process = application.get_process_id()
        session = Gio.bus_get_sync(Gio.BusType.SESSION)
        address = self.call(session, "org.a11y.Bus", "/org/a11y/bus", "org.a11y.Bus", "GetAddress")
        self.bus = Gio.DBusConnection.new_for_address_sync(
            address,
            Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
            | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION,
        )
        owner = next(name for name in self.ask_bus("ListNames") if self.is_program(name))
        self.looker = subprocess.Popen(
            [program, address, owner, self.root], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.found = {}

    @staticmethod
    def call(bus, name, path, interface, method, arguments=None):
        done = bus.call_sync(name, path, interface, method, arguments, None, 0, 10000)
        return done.unpack()[0]

    def ask_bus(self, method, *names):
        arguments = GLib.Variant("(s)", names) if names else None
        name = "org.freedesktop.DBus"
        return self.call(self.bus, name, "/org/freedesktop/DBus", name, method, arguments)

    def is_program(self, name):
        return name.startswith(":") and self.ask_bus("GetConnectionUnixProcessID", name) == self.process

    def look(self):
        """All of it, by path."""
        self.looker.stdin.write("\n")
        self.looker.stdin.flush()
        told = json.loads(self.looker.stdout.readline())
        if "error" in told:
            raise GLib.Error(told["error"])
        noted = {node[0]: Noted(node) for node in told}
        for node in noted.values():
            node.children = [noted[child] for child in node.below if child in noted]
        self.found = noted
        return noted

    def visit(self, stack):
        while stack:
            here = stack.pop()
            stack += reversed(here.children)
            node = Node(self, here)
            try:
                yield node
            finally:
                node.noted = None

    def walk(self, start):
        """Depth first, from the object that start is, itself included."""
        noted = self.look()
        return self.visit([noted[start.path]] if start.path in noted else [])

    def children(self, start, name):
        """Of the first object of this name below start, each as it is noted now."""
        for node in self.walk(start):
            if node.get_name() == name:
                return [Node(self, child) for child in node.noted.children]
        return []

    def find_object(self, path):
        """AT-SPI's own, found from what is known of it downward. What GTK 4.8 says of a child's place is
        not always right: it is where the search begins."""
        way = []
        here = self.found.get(path)
        while here and here.path not in self.objects:
            way.append(here)
            here = self.found.get(here.parent)
        found = self.objects[here.path] if here else None
        for noted in reversed(way):
            places = sorted(range(found.get_child_count()), key=lambda i: abs(i - noted.index))
            children = (found.get_child_at_index(i) for i in places)
            found = next((c for c in children if c and c.path == noted.path), None)
            if not found:
                break
            self.objects[noted.path] = found
        if not found:
            raise GLib.Error(f"{path} is no longer there")
        return found
