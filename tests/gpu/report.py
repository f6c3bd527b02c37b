"""Puts together what tests/gpu/run measured: figures beside what is wanted of them.

Called as: report.py LOGS REPORT.json. Reads what the stages left in LOGS so far, prints a table and
writes one JSON file with everything. Needs Python's standard library alone.
"""

import csv
import json
import os
import re
import sys

PRESETS = {"llava-1.5-7b": 0.62, "llava-next-7b": 0.58}  # p-MoD over dense, at most
PRODUCT_SHARE, MEMORY_SHARE = 0.65, 0.85
FIRST_TOKEN_MS = 30
ROUTING_SHARE = 0.03
TORCH_PREFILL, TORCH_DECODE = 1.5, 3
ROWS = ("vision", "first_token", "prefill", "routing", "prefill_dense", "decode", "decode_dense")
ROUTING_KERNELS = re.compile(r"router_|top_k|route_plan|reweight_scatter|gather_rows")
SETUP_KERNELS = re.compile(r"random")


def load(logs, name):
    try:
        with open(os.path.join(logs, name + ".json"), encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return None


def read_checks(logs):
    checks = {}
    for name in sorted(os.listdir(logs)):
        if name.endswith(".status"):
            with open(os.path.join(logs, name), encoding="utf-8") as file:
                checks[name.removesuffix(".status")] = file.read().strip()
    return checks


# --- The profile -------------------------------------------------------------------------------


def parse_profile(text):
    """Name -> [calls, nanoseconds] from the CSV of nsys or of ncu, whatever stands around it."""
    lines = text.splitlines()
    kernels = {}
    for start, line in enumerate(lines):
        if '"Kernel Name"' in line or line.startswith("Time (%)"):
            break
    else:
        return kernels
    for row in csv.DictReader(line for line in lines[start:] if not line.startswith("==")):
        try:
            if "Kernel Name" in row:
                name, calls = row["Kernel Name"], 1
                time = float(row["Metric Value"].replace(",", ""))
            else:
                name, calls = row["Name"], int(row["Instances"])
                time = float(row["Total Time (ns)"])
        except (AttributeError, KeyError, TypeError, ValueError):
            continue
        entry = kernels.setdefault(name, [0, 0])
        entry[0] += calls
        entry[1] += time
    return kernels


def read_profile(logs):
    try:
        with open(os.path.join(logs, "profile-kernels.txt"), encoding="utf-8") as file:
            kernels = parse_profile(file.read())
    except OSError:
        return None
    kernels = {name: entry for name, entry in kernels.items() if not SETUP_KERNELS.search(name)}
    total = sum(time for _, time in kernels.values())
    if total <= 0:
        return None
    routing = sum(time for name, (_, time) in kernels.items() if ROUTING_KERNELS.search(name))
    order = sorted(kernels.items(), key=lambda item: -item[1][1])
    return {
        "routing_share": routing / total,
        "kernels": [{"name": name, "calls": calls, "ms": time / 1e6, "share": time / total}
                    for name, (calls, time) in order],
    }


# --- Figures -----------------------------------------------------------------------------------


def get(value, *keys):
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def over(a, b):
    return a / b if a is not None and b else None


def list_targets(bench, torch, profile):
    """(what, value, "at least" or "at most", wanted); value None: not measured."""
    targets = []
    for preset, most in PRESETS.items():
        ours, theirs = bench.get(preset), torch.get(preset)
        for row in ("prefill", "prefill_dense"):
            targets.append((f"{preset} {row}, share of the product",
                            get(ours, row, "flops_ratio"), "at least", PRODUCT_SHARE))
        targets.append((f"{preset} prefill, p-MoD / dense", get(ours, "over_dense", "prefill"),
                        "at most", most))
        targets.append((f"{preset} decode, share of the bandwidth",
                        get(ours, "decode", "bytes_ratio"), "at least", MEMORY_SHARE))
        targets.append((f"{preset} routing / prefill", get(ours, "routing", "over_prefill"),
                        "at most", ROUTING_SHARE))
        for row, least in (("prefill", TORCH_PREFILL), ("prefill_dense", TORCH_PREFILL),
                           ("decode", TORCH_DECODE), ("decode_dense", TORCH_DECODE)):
            targets.append((f"{preset} {row}, times as fast as PyTorch",
                            over(get(theirs, row, "ms"), get(ours, row, "ms")), "at least", least))
    targets.append(("llava-1.5-7b first token, ms",
                    get(bench.get("llava-1.5-7b"), "first_token", "ms"), "at most", FIRST_TOKEN_MS))
    targets.append(("llava-1.5-7b routing's kernels / all kernels of a prefill",
                    get(profile, "routing_share"), "at most", ROUTING_SHARE))
    return [{"what": what, "value": value, "wanted": wanted, "bound": bound,
             "met": None if value is None else
             value >= wanted if bound == "at least" else value <= wanted}
            for what, value, bound, wanted in targets]


def compare_work(ours, theirs):
    """Both must have done the same work to be compared: rows that differ by more than 2 %."""
    wrong = []
    for row in ("prefill", "prefill_dense", "decode", "decode_dense"):
        ratio = over(get(theirs, row, "flops"), get(ours, row, "flops"))
        if ratio is not None and abs(ratio - 1) > 0.02:
            wrong.append(f"{row}: {ratio:.3f} times the operations")
    return wrong


def print_bench(preset, value):
    peaks = value["peaks"]
    print(f"\n{preset} on {value['device']['name']}, {value['model']['dtype']}: peaks "
          f"{peaks['flops_per_s'] / 1e12:.1f} TFLOP/s, reads "
          f"{peaks['read_bytes_per_s'] / 1e9:.0f} GB/s, copies "
          f"{peaks['copy_bytes_per_s'] / 1e9:.0f} GB/s")
    print(f"  {'':<14} {'ms':>9} {'least':>9} {'most':>9} {'TFLOP/s':>8} {'share':>7} "
          f"{'GB/s':>7} {'share':>7}")
    for name in ROWS:
        row = value.get(name)
        if row:
            print(f"  {name:<14} {row['ms']:9.3f} {row['ms_min']:9.3f} {row['ms_max']:9.3f} "
                  f"{row['flops_per_s'] / 1e12:8.1f} {100 * row['flops_ratio']:5.1f} % "
                  f"{row['bytes_per_s'] / 1e9:7.0f} {100 * row['bytes_ratio']:5.1f} %")


def print_torch(preset, value):
    print(f"\n{preset} in PyTorch {value['device']['version']}, the fastest way of each")
    for name in ROWS:
        row = value.get(name)
        if row and "ms" in row:
            print(f"  {name:<14} {row['ms']:9.3f} ms {100 * row['flops_ratio']:6.1f} % of the "
                  f"product {100 * row['bytes_ratio']:6.1f} % of the copy: {row['way']}")


def print_spread(first, again):
    """How far the same program's figures are apart: less than that is no difference."""
    parts = []
    for name in ROWS:
        ratio = over(get(again, name, "ms"), get(first, name, "ms"))
        if ratio is not None:
            parts.append(f"{name} {100 * (ratio - 1):+.1f} %")
    if parts:
        print("\nllava-1.5-7b again: " + ", ".join(parts))


def print_targets(targets):
    print("\nWanted:")
    for target in targets:
        value = "not measured" if target["value"] is None else f"{target['value']:.3f}"
        mark = {True: "met", False: "MISSED", None: "owed"}[target["met"]]
        print(f"  {mark:<7} {target['what']}: {value} ({target['bound']} {target['wanted']})")


def main():
    logs, path = sys.argv[1:]
    bench = {preset: load(logs, f"bench-{preset}") for preset in PRESETS}
    torch = {preset: load(logs, f"torch-{preset}") for preset in PRESETS}
    bench = {preset: value for preset, value in bench.items() if value}
    torch = {preset: value for preset, value in torch.items() if value}
    again, profile, f16 = load(logs, "bench-again"), read_profile(logs), load(logs, "bench-f16")
    ops = [value for value in (load(logs, "op-bench"), load(logs, "op-bench-f16")) if value]
    targets = list_targets(bench, torch, profile)
    for preset in PRESETS:
        if preset in bench:
            print_bench(preset, bench[preset])
        if preset in torch:
            print_torch(preset, torch[preset])
        for text in compare_work(bench.get(preset), torch.get(preset)):
            print(f"  not the same work, PyTorch's {text}")
    print_spread(bench.get("llava-1.5-7b"), again)
    if f16:
        print_bench("llava-1.5-7b", f16)
    if profile:
        print("\nKernels of the prefill, llava-1.5-7b")
        for kernel in profile["kernels"][:15]:
            print(f"  {100 * kernel['share']:5.1f} % {kernel['calls']:6} calls  "
                  f"{kernel['name'][:70]}")
    for value in ops:
        print(f"\nOps on {value['device']}, {value['act']}")
        for op in value["ops"]:
            print(f"  {op['name']:<36} {op['ms']:9.4f} ms {100 * op['flops_ratio']:6.1f} % of the "
                  f"product {100 * op['bytes_ratio']:6.1f} % of the bandwidth")
    print_targets(targets)
    report = {"checks": read_checks(logs), "targets": targets, "bench": bench,
              "bench_again": again, "bench_f16": f16, "torch": torch, "ops": ops,
              "profile": profile}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(report, file, indent=2)
        file.write("\n")


if __name__ == "__main__":
    main()
