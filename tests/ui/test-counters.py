"""What is counted and measured, in the real window: receipts, meters, the plot of costs, times."""

import json
import pathlib
import re
import shutil
import struct
import subprocess
import tempfile

import harness
from harness import BUILD, DEMO, FIXTURES, Window, keys, near, type_text, wait_for

PICTURE = FIXTURES / "demo/seen-00.png"
QUESTION = next(
    e for e in harness.examples() if e["image"] == "seen-00.png" and e["kind"] == "count"
)

# src/app/pmod-palette.c, light.
USED = (0x12, 0x80, 0x7A)


def pmod_run(trace):
    """The same question without a window."""
    command = [BUILD / "src/cli/pmod", "run", DEMO, "--image", PICTURE]
    command += ["--prompt", QUESTION["question"], "--trace", trace, "--json", "-"]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def flops(record, rule):
    """Used and dense, of prompt and answer together."""
    parts = record["flops"].values()
    return tuple(sum(part[rule + end] for part in parts) for end in ("", "_dense"))


def mega(value):
    return f"{value / 1e6:.2f} MFLOPs"


def percent(part, whole):
    return f"{int(100 * part / whole + 0.5)} %"


def kv_bytes(record):
    """With the answer's tokens, which no layer skips; the record is the prefill's."""
    cache = record["kv_cache"]
    n_layers = len(cache["tokens_per_layer"])
    a_token = cache["bytes"] / sum(cache["tokens_per_layer"])
    more = n_layers * a_token * (len(record["output"]["token_ids"]) - 1)
    return cache["bytes"] + more, cache["bytes_dense"] + more


def focus(window, name, key="Tab"):
    """Walks by key to what is called so."""

    def focused():
        return any(
            (node.get_name() or "").startswith(name) and window.has(node, "FOCUSED")
            for node in window.walk(window.frame.get_application())
        )

    for _ in range(40):
        if focused():
            return
        keys(key)
    raise AssertionError(f"{key} does not come to {name}")


def lines_after(window, name):
    """The labels of the receipt's table, in reading order, from the one called so."""
    labels = [n.get_name() for n in window.walk() if n.get_role_name() == "label"]
    assert name in labels, labels
    return labels[labels.index(name) :]


def entry_text(window):
    for node in window.walk():
        if node.get_name() == "Message":
            return node.get_text_iface().get_text(0, -1)
    return ""


def test_receipt():
    with tempfile.TemporaryDirectory() as folder:
        record = pmod_run(pathlib.Path(folder, "run.trace"))
    n_new = len(record["output"]["token_ids"])
    used, dense = flops(record, "paper_rule")
    kv, kv_dense = kv_bytes(record)
    with Window("--model", DEMO, PICTURE) as window:
        window.wait_layers()
        type_text(QUESTION["question"])
        keys("Return")
        window.wait_name(f"Answer: {QUESTION['answer']}")
        name = window.wait_name(f"{n_new} tokens \u00b7 first word ")
        for part in (
            f"{percent(used, dense)} of dense \u00b7 picture reused",
            mega(used),
            f"KV cache {percent(kv, kv_dense)} of dense",
        ):
            assert part in name, (part, name)
        assert re.search(r"first word [\d.]+ (ms|s) ", name), name
        assert re.search(r"[\d.]+ tokens/s", name), name

        focus(window, f"{n_new} tokens \u00b7 first word ", "shift+Tab")
        keys("space")
        window.wait_name("This answer")
        lines = lines_after(window, "This answer")
        expected = {
            "Prompt": [f"{record['prompt']['tokens']} tokens"],
            "Answer": [f"{n_new} tokens"],
            "Compute, paper rule": [f"{mega(used)}, {percent(used, dense)}", mega(dense)],
            "KV cache": [f"{kv / 1024:.1f} KiB, {percent(kv, kv_dense)}", f"{kv_dense / 1024:.1f} KiB"],
        }
        for title, values in expected.items():
            at = lines.index(title) + 1
            assert lines[at : at + len(values)] == values, (title, lines)
        # Nothing was run dense, so no time stands for it.
        assert any("not yet" in line for line in lines), lines

        focus(window, "Copy Receipt")
        keys("space")
        focus(window, "Message")
        keys("ctrl+v")
        text = wait_for("the receipt's text", lambda: entry_text(window))
        for title, values in expected.items():
            line = f"{title}: {values[0]}"
            assert line in text, (line, text)
        assert f"(dense: {mega(dense)})" in text and "Dense times: not run" in text, text


def make_dense(folder):
    """The same model without its routers."""
    model = pathlib.Path(folder, "whole")
    shutil.copytree(DEMO, model)
    config = json.loads((model / "config.json").read_text())
    config["mod_target_layers"] = "dense"
    (model / "config.json").write_text(json.dumps(config))

    data = (model / "model.safetensors").read_bytes()
    (n_header,) = struct.unpack("<Q", data[:8])
    header, body, offset = json.loads(data[8 : 8 + n_header]), [], 0
    kept = {}
    for name, entry in header.items():
        if name != "__metadata__" and ".router.router." not in name:
            begin, end = entry["data_offsets"]
            body.append(data[8 + n_header + begin : 8 + n_header + end])
            # A routed layer's own block bears a prefix that a plain one's does not.
            kept[name.replace(".decoder_layer.", ".")] = {
                **entry,
                "data_offsets": [offset, offset + end - begin],
            }
            offset += end - begin
    text = json.dumps(kept).encode()
    text += b" " * (-len(text) % 8)
    written = struct.pack("<Q", len(text)) + text + b"".join(body)
    (model / "model.safetensors").write_bytes(written)
    return model


def test_beside_dense():
    """Two dense answers to one question, and one to another: only times that were measured."""
    with tempfile.TemporaryDirectory() as folder:
        with Window("--model", make_dense(folder), PICTURE) as window:
            window.wait_layers()
            for n, question in enumerate(("What is this?", "What is this?", "Where is this?"), 1):
                type_text(question)
                keys("Return")
                harness.wait_for(
                    f"{n} receipts", lambda: len(window.names("100 % of dense \u00b7")) == n
                )
            for n in range(3):
                receipts = [x for x in window.walk() if "of dense \u00b7" in (x.get_name() or "")]
                receipts[n].do_action(0)
                harness.wait_for("its table", lambda: len(window.names("This answer")) == n + 1)
            lines = lines_after(window, "This answer")
            tables = []
            for line in lines:
                if line == "This answer":
                    tables.append([])
                tables[-1].append(line)
            for table, measured in zip(tables, (True, True, False)):
                assert table[table.index("Routing") + 1] == "none, dense", table
                at = table.index("First word")
                assert (table[at + 2] != "Speed") == measured, table
                assert any("not yet" in line for line in table) != measured, table


def choose(window, name, n_down):
    focus(window, name)
    keys("space")
    harness.time.sleep(0.3)
    keys(*["Down"] * n_down, "Return")


def test_meters_of_a_record():
    with tempfile.TemporaryDirectory() as folder:
        trace = pathlib.Path(folder, "run.trace")
        record = pmod_run(trace)
        with Window("--model", DEMO, trace) as window:
            for rule, n_down in (("paper_rule", 0), ("all_work", 1)):
                used, dense = flops(record, rule)
                if n_down:
                    choose(window, "How compute is counted", n_down)
                window.wait_name(f"{percent(used, dense)} of dense: {mega(used)}")
            kv, kv_dense = kv_bytes(record)
            weights = record["model"]["bytes"]
            share = percent(weights + kv, weights + kv_dense)
            window.wait_name(f"{share} of dense: {(weights + kv) / 2**20:.1f} MiB")
            first = record["timing_ms"]["first_token"]
            window.wait_name(f"{first:.0f} ms" if first >= 9.95 else f"{first:.1f} ms")


def place_of(window, name):
    """Left, top, right, bottom on the screen of what is called so."""
    window_type = window.Atspi.CoordType.WINDOW
    frame = window.frame.get_extents(window_type)
    width = int(harness.xdotool("getdisplaygeometry")[0])
    # Places are told from inside the window's border.
    border = (width - frame.width) // 2
    node = next(n for n in window.walk() if (n.get_name() or "").startswith(name))
    box = node.get_extents(window_type)
    left, top = box.x + border, box.y + border
    return left, top, left + box.width, top + box.height


def bar_heights(pixels, place, n_layers):
    """Of each layer's bar, in the first block of rows that any bar is in."""
    left, first, right, last = place

    def is_used(x, y):
        return near(pixels.at(x, y), USED, 2)

    columns = [left + (right - left) * (2 * l + 1) // (2 * n_layers) for l in range(n_layers)]
    rows = [any(is_used(x, y) for x in columns) for y in range(first, last)]
    top = first + rows.index(True)
    bottom = first + rows.index(False, top - first)
    heights = [sum(is_used(x, y) for y in range(top, bottom)) for x in columns]
    # What a dense model takes is outlined: as high as the bar of a layer that skips nothing.
    for x, height in zip(columns, heights):
        if height < bottom - top:
            edge, above = (sum(pixels.at(x, y)) for y in (top, top - 1))
            assert edge < 450 < above, f"no outline at {x}, {top}: {edge} below {above}"
    return heights, bottom - top


def test_cost_plot():
    with tempfile.TemporaryDirectory() as folder:
        trace = pathlib.Path(folder, "run.trace")
        record = pmod_run(trace)
        n_text = record["prompt"]["tokens"] - record["images"][0]["vision_tokens"]
        shares = [
            (layer["n_kept"] + n_text) / record["prompt"]["tokens"] for layer in record["layers"]
        ]
        with Window("--model", DEMO, trace) as window:
            window.press("Details")
            plot = window.wait_name("Compute by the paper rule by layer. Layer ")
            assert "of dense" in plot, plot
            # What has the focus is scrolled to.
            focus(window, "Compute by the paper rule by layer.")
            pixels = window.screenshot()
            place = place_of(window, "Compute by the paper rule by layer.")
            heights, full = bar_heights(pixels, place, len(shares))
            expected = [int(full * share + 0.5) for share in shares]
            assert heights[0] == full, (heights, full)
            assert all(abs(a - b) <= 1 for a, b in zip(heights, expected)), (heights, expected)

            keys("Home")
            window.wait_name("Compute by the paper rule by layer. Layer 0: ")
            assert window.selected_layer() == 0
            keys("Right", "Right")
            share = f"{int(100 * shares[2] + 0.5)} % of dense"
            name = window.wait_name("Compute by the paper rule by layer. Layer 2: ")
            assert share in name, (share, name)
            assert window.selected_layer() == 2
            keys("End")
            assert window.selected_layer() == len(shares) - 1

            choose(window, "Which cost", 2)
            cache = record["kv_cache"]
            n_new = len(record["output"]["token_ids"]) - 1
            last, all_tokens = cache["tokens_per_layer"][-1] + n_new, record["prompt"]["tokens"] + n_new
            name = window.wait_name(f"KV cache by layer. Layer {len(shares) - 1}: ")
            assert f"{percent(last, all_tokens)} of dense" in name, name


def test_timeline():
    with tempfile.TemporaryDirectory() as folder:
        trace = pathlib.Path(folder, "run.trace")
        record = pmod_run(trace)
        n_layers, n_new = len(record["layers"]), len(record["output"]["token_ids"]) - 1
        n_stages = 3 + n_layers + 1 + n_new
        with Window("--model", DEMO, trace) as window:
            window.press("Details")
            window.wait_name(f"Timeline, {n_stages} stages in ")
            focus(window, "Timeline, ")
            keys("Home")
            window.wait_name("Preparing the picture \u00b7 ")
            keys("Right", "Right", "Right")
            window.wait_name("Layer 0 \u00b7 ")
            keys(*["Right"] * 3)
            window.wait_name(f"ms \u00b7 keeps {record['layers'][3]['n_kept']} of 64")
            keys("End")
            window.wait_name(f"Token {n_new} \u00b7 ")
            keys("Left", *["Left"] * n_new)
            window.wait_name(f"Layer {n_layers - 1} \u00b7 ")


harness.run(test_receipt, test_beside_dense, test_meters_of_a_record, test_cost_plot, test_timeline)
