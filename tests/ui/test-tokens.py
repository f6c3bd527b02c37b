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


def answers(window):
    return [name[len("Answer: "):] for name in window.names("Answer: ")]


def wait_answer(window, text=None):
    """The last answer's text, once nothing runs any more."""
    def done():
        found = answers(window)
        idle = not window.names("Answering") and not window.names("Waiting") and \
            not window.names("Reading, ")
        return found and idle and (text is None or found[-1] == text) and found[-1]

    return wait_for(f"the answer {text}", done)


def view(window):
    found = [node for node in window.walk() if node.get_name() == "The answer's tokens"]
    return found[0] if found else None


def tokens(window):
    node = view(window)
    return [cell for cell in window.walk(node) if cell.get_role_name() in ("push button", "button")
            and CHANCE.match(cell.get_name() or "")] if node else []


def texts(window):
    return [CHANCE.match(cell.get_name())[1] for cell in tokens(window)]


def focused(window):
    found = [node for node in window.walk() if window.has(node, "FOCUSED")]
    return found[-1] if found else None


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


def find(window, name):
    return wait_for(name, lambda: [node for node in window.walk() if node.get_name() == name
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


def set_number(window, name, value):
    spin = [node for node in window.everything() if node.get_name() == name
            and node.get_role_name() == "spin button"]
    assert spin, name
    assert spin[0].get_value_iface().set_current_value(value), name


def open_settings(window):
    """A click that comes while the popover from before still closes only closes it."""
    for _ in range(5):
        click(window, find(window, "How answers are drawn"))
        end = time.monotonic() + 3
        while time.monotonic() < end:
            if settings_are_open(window):
                return
            time.sleep(0.05)
    raise AssertionError("five clicks do not open the settings")


def close_settings(window):
    keys("Escape")
    wait_for("no settings", lambda: not settings_are_open(window))


def settings_are_open(window):
    return any(node.get_name() == "Settings of answers" and window.has(node, "VISIBLE")
               for node in window.everything())


def check_continue(window):
    """Answers of two tokens at most, gone on with until they end by themselves."""
    keys("ctrl+Return")
    whole = wait_answer(window, "One.")
    open_settings(window)
    set_number(window, "Longest answer", 1)
    close_settings(window)
    keys("ctrl+Return")
    wait_answer(window, "One")
    n_steps = 0
    while n_steps == 0 or window.names("Continue"):
        before = len(texts(window)) if view(window) else n_steps + 1
        click(window, find(window, "Continue"))
        n_steps += 1
        wait_for("one token more", lambda: window.names(f"{n_steps + 1} tokens \u00b7 first word"))
        wait_answer(window)
        assert n_steps < 10
    assert wait_answer(window) == whole
    return n_steps


def check_seed(window):
    """The same seed draws the same answer, and the receipt says with what."""
    found = []
    open_settings(window)
    set_number(window, "Longest answer", 12)
    set_number(window, "Temperature", 4)
    window.keep("sampling.png")
    close_settings(window)
    for seed in (5, 6, 5):
        open_settings(window)
        set_number(window, "Seed", seed)
        close_settings(window)
        keys("ctrl+Return")
        time.sleep(0.3)
        found.append(wait_answer(window))
    assert found[0] == found[2] and found[0] != found[1], found
    open_settings(window)
    reset = [node for node in window.everything() if node.get_name() == "Reset"]
    assert reset[0].get_action_iface().do_action(0)
    close_settings(window)
    keys("ctrl+Return")
    wait_answer(window, "One.")


def test_tokens():
    with Window("--model", DEMO, PICTURE) as window:
        window.wait_layers()
        type_text(QUESTION)
        keys("Return")
        wait_answer(window, "One.")
        keys("ctrl+t")
        wait_for("the answer's tokens", lambda: texts(window) == ["One", ".", "end of the answer"])
        check_keys(window)
        check_alternative(window)
        check_pointer(window)
        keys("ctrl+t")
        wait_for("no tokens", lambda: not view(window))
        print(f"# {check_continue(window)} tokens one by one")
        check_seed(window)


harness.run(test_tokens)
