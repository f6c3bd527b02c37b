"""Walking through a window as somebody does who sees nothing or has no mouse: what is said of each
control, where Tab and the arrow keys lead, and whether one can see where one is.

Knows no control by name: whatever is shown is walked through.
"""

import ctypes
import functools
import re
import time

# Names that GTK or nobody gave.
NO_NAME = re.compile(r"^(Gtk|Adw|Pmod|Gdk)[A-Z]\w*$|^[a-z0-9-]+-symbolic$")
ACTED_ON = {"click", "toggle", "activate", "press"}
# Roles that tell what a control is; "panel" and "filler" tell nothing.
ROLES = {
    "check box", "combo box", "entry", "icon", "image", "label", "link", "list", "list box", "list item",
    "menu item", "option pane", "page tab", "password text", "push button", "radio button", "scroll pane",
    "slider", "spin button", "text", "toggle button", "tree item",
}
VALUED = {"slider", "spin button", "progress bar", "level bar"}
# Tab goes in to one of them, arrows to its neighbours.
WALKED_BY_ARROWS = {"option pane", "list item", "radio button", "tree item"}
# What shows an image as its look.
LOOKS = {"page tab", "push button", "toggle button", "list item", "combo box"}
MARGIN = 12  # around a control: what a ring may take, and a window's frame


class Exception_:
    """Why a rule does not hold for some control; the rule stays for all others."""

    def __init__(self, rule, reason, role=None, name=None, window=None):
        self.rule, self.reason, self.role, self.name, self.window = rule, reason, role, name, window

    def covers(self, rule, control):
        return (
            rule == self.rule
            and (self.role is None or control.role == self.role)
            and (self.window is None or control.window == self.window)
            and (self.name is None or re.fullmatch(self.name, control.name))
        )


EXCEPTIONS = [
    Exception_("name", "GTK's own inside a drop-down, whose button is named", "filler", "GtkListItemWidget"),
    Exception_("role", "the same", "filler", "GtkListItemWidget"),
    Exception_("reach", "the same: the button around it takes the focus", "filler", "GtkListItemWidget"),
    Exception_("reach", "arrows lead from one token to the next: test-tokens.py", "push button", r".*, \S+ %"),
    Exception_("reach", "libadwaita 1.2's row to write in has the focus without telling so", "text", None, "Models"),
    Exception_("reach", "the same; test-remote.py writes in both", "text", "Address|Token", "Connect to a Server"),
    Exception_("name", "libadwaita's own: a magnifier", "push button", "GtkImage", "Keyboard Shortcuts"),
    Exception_("name", "libadwaita's own: the program's icon", "image", "GtkImage", "About"),
    Exception_("name", "libadwaita's own: the version, which can be copied", "push button", "GtkButton", "About"),
    Exception_("name", "takes the focus only where nothing inside does", "scroll pane"),
    Exception_("reach", "the same", "scroll pane"),
    Exception_("name", "libadwaita's, around rows that have names", "list", "GtkListBox"),
    Exception_("reach", "GTK's list: its rows take the focus, or it has none", "list"),
    Exception_("reach", "the frame's; GTK leaves these keys to the desktop", None, "Minimize|Maximize|Restore|Close"),
]


class Control:
    """What the tree tells of one thing; what costs a call is asked for once, and only if needed."""

    def __init__(self, atspi, node, states, box, inside, window, around):
        self.window = window  # its title
        self.around = around  # the next one that it lies in
        self.lines = (around.lines if around else ()) + (node.get_role_name(),)  # of roles, down to it
        has = lambda state: states.contains(getattr(atspi.StateType, state))
        self.node, self.path, self.box = node, node.path, box
        self.inside = inside  # paths of what it lies in, from the window down
        self.role = node.get_role_name()
        self.focusable = has("FOCUSABLE")
        self.sensitive = has("SENSITIVE") and (not around or around.sensitive)

    @functools.cached_property
    def name(self):
        return self.node.get_name() or ""

    @functools.cached_property
    def description(self):
        return self.node.get_description() or ""

    @functools.cached_property
    def acts(self):
        node = self.node
        return any(node.get_action_name(i) in ACTED_ON for i in range(node.get_n_actions()))

    def __str__(self):
        return f"{self.role} “{self.name}” at {self.box}"


def box_of(atspi, node):
    box = node.get_extents(atspi.CoordType.WINDOW)
    return box.x, box.y, box.width, box.height


def overlap(a, b):
    return all(min(a[i] + a[i + 2], b[i] + b[i + 2]) > max(a[i], b[i]) for i in (0, 1))


def children(node):
    found = (node.get_child_at_index(i) for i in range(node.get_child_count()))
    return [child for child in found if child]


def shown(window, root):
    """Controls that can be seen: GTK 4.8 tells only of windows whether they show."""
    atspi, found = window.Atspi, []
    title = root.get_name()
    window_box = box_of(atspi, root)
    edge = window_box[0] + window_box[2]

    def is_at(page, x, y):
        for i in range(root.get_child_count()):
            there = root.get_child_at_index(i).get_accessible_at_point(x, y, atspi.CoordType.WINDOW)
            while there and there.path != root.path:
                if there.path == page.path:
                    return True
                there = there.get_parent()
        return False

    def on_top(page, others):
        """Of pages in one place, the one that a click would go to."""
        x, y, width, height = box_of(atspi, page)
        if width <= 0 or height <= 0 or x + width // 2 <= 0 or x + width // 2 >= edge:
            return False
        if not any(overlap((x, y, width, height), box_of(atspi, other)) for other in others):
            return True
        return is_at(page, x + width // 2, y + height // 2)

    def walk(node, inside, around, is_tabbed=False):
        states = node.get_state_set()
        if not states.contains(atspi.StateType.VISIBLE):
            return
        # The pages of a stack have no place of their own, and keep the one that they had once.
        if inside and "Component" not in node.get_interfaces():
            pages = [page for page in children(node.get_parent()) for page in children(page)[:1]]
            page = children(node)[:1]
            if not page or not on_top(page[0], [other for other in pages if other.path != page[0].path]):
                return
        elif inside:
            x, y, width, height = box_of(atspi, node)
            scrolled = around and "scroll pane" in around.lines
            if width <= 0 or height <= 0 or x + width <= 0 or (x >= edge and not scrolled):
                return
            # Of two rows of the same tabs libadwaita shows the one that there is room for.
            if node.get_role_name() == "page tab list" and not is_at(node, x + width // 2, y + height // 2):
                return
            around = Control(atspi, node, states, (x, y, width, height), inside, title, around)
            found.append(around)
        # Its list opens over it; what lies in it until then is its look.
        if inside and node.get_role_name() == "combo box":
            return
        below = children(node)
        if is_tabbed:
            below = [page for page in below if on_top(page, [other for other in below if other.path != page.path])]
        # What stands above a bar of tabs, or would if there were room for no other tabs.
        tabs = [i for i, child in enumerate(below) if child.get_name() == "AdwViewSwitcherBar"]
        for i, child in enumerate(below):
            walk(child, inside + (node.path,), around, i + 1 in tabs)

    walk(root, (), None)
    return found


# --- What is said ---------------------------------------------------------------------------------


def said_twice(name):
    words = name.split()
    half = len(words) // 2
    return len(words) > 1 and len(words) % 2 == 0 and words[:half] == words[half:]


def value_of(control):
    try:
        value = control.node.get_value_iface()
        return value and (
            value.get_minimum_value() <= value.get_current_value() <= value.get_maximum_value()
        )
    except Exception:  # An object without the interface.
        return None


def tells_value(control):
    """GTK 4.8 passes no value of a widget that is not its own on: then words say it."""
    return control.description.strip() or re.search(r"[.,:] \S", control.name)


def faults_of(control):
    """Pairs of the rule that a control breaks, and how."""
    # On a tab or a button it is its look.
    look = LOOKS & set(control.lines[-7:-1])
    picture = control.role in ("image", "icon") and not (look and not control.focusable)
    # Texts have actions of their own, such as to copy: these are no buttons.
    used = control.focusable or (control.role not in ("label", "panel", "filler") and control.acts)
    if (used or picture) and (not control.name.strip() or NO_NAME.match(control.name.strip())):
        yield "name", "has no name"
    if used and said_twice(control.name):
        yield "name", "says its name twice"
    if control.focusable and control.role not in ROLES:
        yield "role", "is no control by its role"
    if picture and control.focusable and not control.description.strip():
        yield "description", "is a picture that is not described"
    if control.role in VALUED and not value_of(control) and not tells_value(control):
        yield "value", "has no value"


def check_window(root):
    """A window says what it is."""
    name, role = root.get_name() or "", root.get_role_name()
    faults = [] if name.strip() and not NO_NAME.match(name) else [f"the window has no name: “{name}”"]
    # GTK 4.8 has no word for a dialog, and says filler.
    if role not in ("frame", "window", "dialog", "alert", "filler"):
        faults.append(f"the window “{name}” is a {role}")
    return faults


def excepted(rule, control, used):
    for exception in EXCEPTIONS:
        if exception.covers(rule, control):
            used.add(exception)
            return True
    return False


def check_names(controls, used):
    return [
        f"{control}: {how}"
        for control in controls
        for rule, how in faults_of(control)
        if not excepted(rule, control, used)
    ]


# --- Keys and pixels ------------------------------------------------------------------------------


class Screen:
    """Keys and pixels without a program for each: a walk takes hundreds."""

    class Image(ctypes.Structure):
        _fields_ = [
            ("width", ctypes.c_int),
            ("height", ctypes.c_int),
            ("xoffset", ctypes.c_int),
            ("format", ctypes.c_int),
            ("data", ctypes.POINTER(ctypes.c_char)),
            ("byte_order", ctypes.c_int * 5),
            ("bytes_per_line", ctypes.c_int),
        ]

    def __init__(self):
        self.x = ctypes.CDLL("libX11.so.6")
        self.test = ctypes.CDLL("libXtst.so.6")
        self.x.XOpenDisplay.restype = ctypes.c_void_p
        self.x.XDefaultRootWindow.restype = ctypes.c_ulong
        self.x.XGetImage.restype = ctypes.POINTER(self.Image)
        self.x.XStringToKeysym.restype = ctypes.c_ulong
        self.display = ctypes.c_void_p(self.x.XOpenDisplay(None))
        self.root = ctypes.c_ulong(self.x.XDefaultRootWindow(self.display))
        self.width = self.x.XDisplayWidth(self.display, 0)
        self.height = self.x.XDisplayHeight(self.display, 0)

    def code(self, name):
        symbol = ctypes.c_ulong(self.x.XStringToKeysym(name.encode()))
        return self.x.XKeysymToKeycode(self.display, symbol)

    def press(self, *names):
        codes = [self.code(name) for name in names]
        for code in codes:
            self.test.XTestFakeKeyEvent(self.display, code, 1, 0)
        for code in reversed(codes):
            self.test.XTestFakeKeyEvent(self.display, code, 0, 0)
        self.x.XSync(self.display, 0)

    def grab(self, box):
        """The pixels of a box of the screen, as far as it is on it."""
        x, y = max(box[0], 0), max(box[1], 0)
        width = min(box[0] + box[2], self.width) - x
        height = min(box[1] + box[3], self.height) - y
        if width <= 0 or height <= 0:
            return b""
        image = self.x.XGetImage(
            self.display, self.root, x, y, width, height, ctypes.c_ulong(0xFFFFFFFF), 2
        )
        data = ctypes.string_at(image.contents.data, image.contents.bytes_per_line * height)
        return data


# --- Walking --------------------------------------------------------------------------------------


class Walker:
    """Follows the focus of one program."""

    def __init__(self, window):
        from gi.repository import GLib

        self.window, self.atspi = window, window.Atspi
        self.area = (0, 0, 1280, 800)  # of the screen: the window that is walked through
        self.context = GLib.MainContext.default()
        self.screen = Screen()
        self.events = []
        self.at = None  # path of what has the focus
        self.controls = []  # that are walked through
        self.origin = 0, 0  # of what is walked through, on the screen
        self.seen_ring = set()  # paths whose focus was seen already
        self.used = set()
        self.idle = []  # what does nothing with its keys
        self.listener = self.atspi.EventListener.new(self.on_event)
        self.listener.register("object:state-changed:focused")

    def rest(self, limit=5):
        """Until the screen stands still."""
        time.sleep(0.15)
        before, end = self.screen.grab(self.area), time.monotonic() + limit
        while time.monotonic() < end:
            time.sleep(0.1)
            now = self.screen.grab(self.area)
            if now == before:
                return
            before = now

    def on_event(self, event):
        if event.detail1:
            self.events.append(event.source)

    def focus_after(self, *names, limit=1.2):
        """What a key gives the focus to, or None where it stays."""
        while self.context.pending():
            self.context.iteration(False)
        self.events.clear()
        self.screen.press(*names)
        end = time.monotonic() + limit
        while not self.events and time.monotonic() < end:
            if not self.context.iteration(False):
                time.sleep(0.002)
        # A focus that passes through something is told of, too.
        settle = time.monotonic() + 0.015
        while time.monotonic() < settle:
            if not self.context.iteration(False):
                time.sleep(0.002)
        self.at = self.events[-1].path if self.events else self.at
        return self.events[-1] if self.events else None

    def walk(self, controls):
        """Tab until it comes round; in what arrows walk through, arrows. What was come to in order,
        and what of it could not be seen to have the focus."""
        by_path = {control.path: control for control in controls}
        stops, paths, unseen, visited = [], set(), [], set()
        for _ in range(len(controls) + 5):
            before = self.screen.grab(self.area)
            # At the end GTK may leave the focus nowhere before it begins again.
            node = self.focus_after("Tab") or self.focus_after("Tab")
            if node is None or node.path in visited:
                break
            visited.add(node.path)
            control = by_path.get(node.path)
            stops.append((node.path, control))
            paths.add(node.path)
            if node.path not in self.seen_ring:
                self.seen_ring.add(node.path)
                if not self.is_seen(node, before):
                    unseen.append(control or node)
                if control and control.role in ("image", "slider") and not value_of(control):
                    self.idle += [control] if not self.answers(node) else []
            if control and control.role in WALKED_BY_ARROWS:
                paths |= self.walk_arrows(control)
        return stops, paths, unseen

    def walk_back(self, stops):
        """Shift+Tab leads to the same, the other way round. Of what arrows walk through, whichever of
        its members has the focus stands for all."""

        def group(path):
            control = next((c for c in self.controls if c.path == path), None)
            if control and control.role in WALKED_BY_ARROWS and control.inside:
                return control.inside[-1]
            return path

        wanted = list(dict.fromkeys(group(path) for path, _ in stops))
        came, visited, names = [], set(), {}
        # The walk has come round: the focus is where it began.
        for _ in range(2 * len(stops) + 2):
            node = self.focus_after("Shift_L", "Tab") or self.focus_after("Shift_L", "Tab")
            if node is None or node.path in visited:
                break
            visited.add(node.path)
            names[group(node.path)] = f"{node.get_role_name()} “{node.get_name()}”"
            came += [group(node.path)] if group(node.path) not in came else []
        names.update({path: str(control) for path, control in stops if control})
        called = lambda path: names.get(path, path)
        faults = [f"{called(path)}: Shift+Tab does not lead to it" for path in wanted if path not in came]
        faults += [f"{called(path)}: only Shift+Tab leads to it" for path in came if path not in wanted]
        # What lies in a row may come before its row or after it.
        groups = {group(path) for path, control in stops if group(path) != path}
        inside = {c.path: c.inside for c in self.controls}
        alone = lambda paths: [p for p in paths if p not in groups and not groups & set(inside.get(p, ()))]
        if not faults and alone(came) != alone(wanted[::-1]):
            order = ", ".join(called(path) for path in alone(came))
            faults.append(f"Shift+Tab goes another way than Tab: {order}")
        return faults

    def is_seen(self, node, before, limit=1):
        """Whether anything at or around it has changed since."""
        x, y, width, height = self.area
        end = time.monotonic() + limit
        while True:
            left, top, w, h = box_of(self.atspi, node)  # which may have been scrolled to
            left, top = left + self.origin[0], top + self.origin[1]
            left, right = max(left - MARGIN, 0), min(left + w + MARGIN, width)
            now = self.screen.grab(self.area)
            for row in range(max(top - MARGIN, 0), min(top + h + MARGIN, height)):
                span = slice((row * width + left) * 4, (row * width + right) * 4)
                if now[span] != before[span]:
                    return True
            if time.monotonic() > end:
                return False
            time.sleep(0.01)

    def answers(self, node, limit=0.5):
        """Whether an arrow key changes what is said of something that was drawn by hand."""
        said = lambda: (node.get_name(), node.get_description())
        for key, back in (("Right", "Left"), ("Left", "Right")):
            before, end = said(), time.monotonic() + limit
            self.screen.press(key)
            while time.monotonic() < end:
                if said() != before:
                    self.screen.press(back)
                    return True
                time.sleep(0.01)
        return False

    def walk_arrows(self, control):
        """Its neighbours that arrows reach; the focus is where it was before."""
        parent = control.node.get_parent()
        holders = {path for other in self.controls if other.focusable for path in other.inside}
        nodes = [parent.get_child_at_index(i) for i in range(parent.get_child_count())]
        beside = len({box_of(self.atspi, node)[0] for node in nodes}) > 1
        on, back = ("Right", "Left") if beside else ("Down", "Up")
        found = set()
        for there, home, end in ((on, back, nodes[-1]), (back, on, nodes[0])):
            steps, path = 0, control.path
            while path != end.path:
                node = self.focus_after(there)
                if node is None or node.path in found or node.path == control.path:
                    break
                path = node.path
                found |= {node.path} | (self.walk_into(node) if node.path in holders else set())
                steps += 1
            for _ in range(steps):
                self.focus_after(home)
        # Down in a last row may lead out of the list.
        for _ in range(4):
            if self.at == control.path:
                break
            self.focus_after("Shift_L", "Tab")
        return found

    def walk_into(self, neighbour):
        """What Tab comes to inside of something that arrows came to; the focus goes back to it."""
        found, steps = set(), 0
        while True:
            node = self.focus_after("Tab")
            if node is None:
                break
            steps += 1
            inside, above = False, node.get_parent()
            while above and not inside:
                inside, above = above.path == neighbour.path, above.get_parent()
            if not inside:
                break
            found.add(node.path)
        for _ in range(steps):
            self.focus_after("Shift_L", "Tab")
        return found

    # --- What must hold ---------------------------------------------------------------------------

    def check_keys(self, controls):
        """Everything that takes the focus is come to by Tab or arrows, forwards in reading order and
        backwards alike, and is seen to have it."""
        faults = []
        self.controls = controls
        stops, reached, unseen = self.walk(controls)
        faults += self.walk_back(stops)
        wanted = [control for control in controls if control.focusable and control.sensitive]
        rows = {control.path: control.name for control in controls if control.path in reached}
        for control in wanted:
            # What a row is there to set is set by the row.
            by_row = any(rows.get(path) == control.name for path in control.inside)
            # libadwaita's row that unfolds: its first line takes the focus.
            by_row |= control.role == "list item" and any(
                other.role == "list item" and other.path in reached and control.path in other.inside
                for other in controls
            )
            if control.path not in reached and not by_row and not excepted("reach", control, self.used):
                faults.append(f"{control}: neither Tab nor arrows lead to it")
        for stop in unseen:
            if not isinstance(stop, Control) or not excepted("ring", stop, self.used):
                faults.append(f"{stop}: one does not see that it has the focus")
        faults += [f"{control}: no arrow key changes what it says" for control in self.idle]
        self.idle.clear()
        faults += self.check_order(stops, controls)
        return faults, stops

    def check_order(self, stops, controls):
        """Nobody is sent back: not upwards, unless to the side where one reads on, or to the first."""
        faults = []
        place = {control.path: i for i, control in enumerate(controls)}
        first = min((path for path, control in stops if control), key=place.get, default=None)
        panes = {control.path: control for control in controls if control.role == "scroll pane"}
        for (_, before), (path, after) in zip(stops, stops[1:]):
            if not before or not after or path == first:
                continue
            if is_back(before, after, panes) and not excepted("order", after, self.used):
                faults.append(f"{after}: comes after {before}, which stands below it")
        return faults


def place_of(control, other, panes):
    """Its box; of something in a pane that the other is not in, the pane's, as it may be scrolled."""
    for path in control.inside:
        if path in panes and path not in other.inside:
            return panes[path].box
    return control.box


def is_back(before, after, panes):
    left, top, width, _ = place_of(before, after, panes)
    x, y, _, height = place_of(after, before, panes)
    return y + height <= top and x < left + width * 0.5
