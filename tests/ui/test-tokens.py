"""An answer's tokens in the real window: their chances, what else could stand there, going on from
another one and from an answer that was cut short, and the settings that answers are drawn with."""

import re
import time

import harness
from harness import DEMO, FIXTURES, Window, keys, type_text, wait_for, xdotool

PICTURE = FIXTURES / "demo/seen-00.png"
QUESTION = "How many sailboats are there?"
CHANCE = re.compile(r"^(.+), ((< )?\d+(\.\d)? %)$")


def in_page(window, node):
    """Where the pointer would find it."""
    box = node.get_extents(window.Atspi.CoordType.WINDOW)
    return box.x + box.width // 2, box.y + box.height // 2


def messages(window):
    """All that is in the list of messages; the whole window takes much longer to walk."""
    if not window.messages_list:
        window.messages_list = next(node for node in window.walk() if node.get_name() ==
                                    "Conversation" and node.get_role_name() == "list")
    return list(window.walk(window.messages_list))


def names(window, part):
    return [node.get_name() for node in messages(window) if part in (node.get_name() or "")]


def answers(window):
    return [name[len("Answer: "):] for name in names(window, "Answer: ")]


def wait_answer(window, text=None):
    """The last answer's text, once nothing runs any more."""
    def done():
        all_names = [node.get_name() or "" for node in messages(window)]
        found = [name[len("Answer: "):] for name in all_names if name.startswith("Answer: ")]
        busy = ("Answering", "Waiting", "Reading, ")
        idle = not any(name.startswith(busy) for name in all_names)
        return found and idle and (text is None or found[-1] == text) and found[-1]

    return wait_for(f"the answer {text}", done)


def view(window):
    found = [node for node in messages(window) if node.get_name() == "The answer's tokens"]
    return found[0] if found else None


def tokens(window):
    node = view(window)
    return [cell for cell in window.walk(node) if cell.get_role_name() in ("push button", "button")
            and CHANCE.match(cell.get_name() or "")] if node else []


def texts(window):
    return [CHANCE.match(cell.get_name())[1] for cell in tokens(window)]


def focus_tokens(window):
    for _ in range(30):
        if any(window.has(cell, "FOCUSED") for cell in tokens(window)):
            return
        keys("shift+Tab")
    raise AssertionError("Shift+Tab does not come to the tokens")


def focused_token(window):
    return [i for i, cell in enumerate(tokens(window)) if window.has(cell, "FOCUSED")]


def alternatives(window):
    shown = [node for node in window.walk(view(window))
             if node.get_name() == "What else could stand there" and window.has(node, "VISIBLE")]
    return [node for node in window.walk(shown[0]) if node.get_role_name() == "list item"] \
        if shown else []


def click(window, node):
    x, y = in_page(window, node)
    xdotool("mousemove", "--window", window.window, x, y)
    time.sleep(0.1)
    xdotool("click", 1)


def button(window, name):
    return wait_for(name, lambda: [node for node in messages(window) if node.get_name() == name
                                   and window.has(node, "VISIBLE")])[-1]


def check_keys(window):
    """Tab comes to one token, arrows walk, Enter opens the list, Escape comes back."""
    focus_tokens(window)
    keys("Home")
    wait_for("the first token", lambda: focused_token(window) == [0])
    keys("End")
    last = len(tokens(window)) - 1
    wait_for("the last token", lambda: focused_token(window) == [last])
    keys("Left", "Home", "Right", "Left")
    wait_for("the first token", lambda: focused_token(window) == [0])
    wait_for("eight alternatives", lambda: len(alternatives(window)) == 8)
    said = [row.get_name() for row in alternatives(window) if "in the answer" in row.get_name()]
    assert len(said) == 1 and said[0].startswith(tokens(window)[0].get_name()), said
    window.keep("tokens.png")
    keys("Return")
    wait_for("an alternative's focus",
             lambda: any(window.has(row, "FOCUSED") for row in alternatives(window)))
    keys("Escape")
    wait_for("the token's focus", lambda: focused_token(window) == [0])
    keys("Escape")
    wait_for("no popover", lambda: not alternatives(window))


def check_alternative(window):
    """The second likeliest word in place of the first, by keys alone."""
    before = wait_answer(window)
    focus_tokens(window)
    keys("Home", "Return")
    row = wait_for("an alternative's focus", lambda: [
        row for row in alternatives(window) if window.has(row, "FOCUSED")])[0]
    word = CHANCE.match(row.get_name())[1]
    keys("Return")
    after = wait_for("another answer", lambda: answers(window)[-1:] not in ([before], [""])
                     and wait_answer(window))
    assert after.startswith(word), (word, after)
    # GTK 4.8 tells of a child that takes another's place twice.
    wait_for("it to have taken the other's place", lambda: set(answers(window)) == {after})
    wait_for("its tokens", lambda: texts(window)[:1] == [word])


def check_pointer(window):
    """Over a token, its chances; a click on one of them goes on from there."""
    before = wait_answer(window)
    cell = tokens(window)[0]
    xdotool("mousemove", "--window", window.window, *in_page(window, cell))
    rows = wait_for("alternatives under the pointer", lambda: alternatives(window))
    name = CHANCE.match(cell.get_name())[0]
    assert any(row.get_name() == f"{name}, in the answer" for row in rows), name
    xdotool("mousemove", "--window", window.window, 200, 20)
    wait_for("no popover", lambda: not alternatives(window))
    assert wait_answer(window) == before


def check_continue(window, spins):
    """An answer of one token, gone on with by a click on Continue until it ends by itself."""
    set_number(spins, "Longest answer", 1)
    keys("ctrl+Return")
    wait_answer(window, "One")
    for n_tokens in (2, 3):
        click(window, button(window, "Continue"))
        wait_for("one token more", lambda: names(window, f"{n_tokens} tokens \u00b7 first word"))
    assert wait_answer(window, "One.") and not [
        node for node in messages(window) if node.get_name() == "Continue"
        and window.has(node, "VISIBLE")]


def set_number(spins, name, value):
    assert spins[name].get_value_iface().set_current_value(value), name


def settings_are_open(window):
    return any(node.get_name() == "Settings of answers" and window.has(node, "VISIBLE")
               for node in window.everything())


def check_settings(window):
    """The popover opens by a click, and its numbers are those that the next answer is drawn with."""
    click(window, next(node for node in window.walk() if node.get_name() ==
                       "How answers are drawn" and node.get_role_name() == "push button"))
    wait_for("the settings", lambda: settings_are_open(window))
    everything = list(window.everything())
    spins = {node.get_name(): node for node in everything if node.get_role_name() == "spin button"}
    reset = next(node for node in everything if node.get_name() == "Reset")
    set_number(spins, "Temperature", 4)
    set_number(spins, "Seed", 5)
    set_number(spins, "Longest answer", 6)
    window.keep("sampling.png")
    keys("Escape")
    wait_for("no settings", lambda: not settings_are_open(window))
    found = []
    for seed in (5, 6, 5):
        set_number(spins, "Seed", seed)
        before = set(answers(window))
        keys("ctrl+Return")
        wait_for("another answer", lambda: set(answers(window)) != before)
        found.append(wait_answer(window))
    assert found[0] == found[2] and found[0] != found[1], found
    assert reset.get_action_iface().do_action(0)
    wait_for("what it was", lambda: spins["Temperature"].get_value_iface().get_current_value() == 0
             and spins["Longest answer"].get_value_iface().get_current_value() == 256)
    return spins


def test_tokens():
    with Window("--model", DEMO, PICTURE) as window:
        window.messages_list = None
        window.wait_layers()
        type_text(QUESTION)
        keys("Return")
        wait_for("the answer", lambda: window.names("Answer: One."))
        wait_answer(window, "One.")
        keys("ctrl+t")
        wait_for("the answer's tokens", lambda: texts(window) == ["One", ".", "end of the answer"])
        check_keys(window)
        check_alternative(window)
        check_pointer(window)
        keys("ctrl+t")
        wait_for("no tokens", lambda: not view(window))
        spins = check_settings(window)
        check_continue(window, spins)


harness.run(test_tokens)
