"""The scripts of tests/gpu as far as they go without a GPU: what is counted, read and reported."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PMOD = os.environ["PMOD"]
KEPT_576 = [486, 464, 440, 414, 388, 360, 331, 302, 273, 244, 215, 187, 161, 135, 111, 89] + 8 * [86]
KEPT_2928 = [2472, 2360, 2238, 2108, 1972, 1830, 1685, 1538, 1389, 1242, 1097, 955, 819, 689, 567,
             455] + 8 * [439]
NCU = """==PROF== Connected to process 1
llava-1.5-7b, random weights: bf16
"ID","Kernel Name","Metric Name","Metric Unit","Metric Value"
"0","void fill_random_kernel<float>(float *, long)","gpu__time_duration.sum","ns","5,000"
"1","gemm, large","gpu__time_duration.sum","ns","1,900"
"2","gemm, large","gpu__time_duration.sum","ns","2,000"
"3","void router_logits_kernel<4>(float *, int)","gpu__time_duration.sum","ns","100"
==PROF== Disconnected
"""
NSYS = """Processing [prefill.sqlite]

Time (%),Total Time (ns),Instances,Avg (ns),Name
97.5,3900,2,1950.0,"gemm, large"
2.5,100,1,100.0,"void router_logits_kernel<4>(float *, int)"
"""


def load(name):
    spec = importlib.util.spec_from_file_location(name.replace("-", "_"),
                                                  os.path.join(HERE, name + ".py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LAYERS = load("torch-layers")
REPORT = load("report")


def test_counts():
    assert LAYERS.keep_counts(32, 576) == 8 * [None] + KEPT_576
    assert LAYERS.keep_counts(32, 2928) == 8 * [None] + KEPT_2928


def test_work():
    """PyTorch's layers and pmod are said to do the same work; it is counted twice."""
    for preset in ("llava-1.5-7b", "llava-next-7b"):
        done = subprocess.run([PMOD, "flops", "--preset", preset, "--vision-tokens",
                               str(LAYERS.PRESETS[preset][5]), "--tiles", "0", "--json"],
                              capture_output=True, check=True)
        prefill = json.loads(done.stdout)["prefill"]
        for dense, key in ((False, "all_work"), (True, "all_work_dense")):
            ratio = LAYERS.Shape(preset, dense).prefill_flops() / prefill[key]
            assert abs(ratio - 1) < 1e-6, (preset, key, ratio)


def test_reference():
    """The reference itself: nothing is skipped where all are kept with weight 1."""
    x, w, head, first, vision, kept = LAYERS.small_case(1)
    w["router"], w["router_bias"] = [0.0] * len(w["router"]), [0.0]
    plain = LAYERS.reference_layer(x, w, head, first, vision, None)
    routed = LAYERS.reference_layer(x, w, head, first, vision, vision)
    assert LAYERS.distance(routed, plain) < 1e-14
    fewer = LAYERS.reference_layer(x, w, head, first, vision, kept)
    same = [t for t in range(len(x)) if fewer[t] == x[t]]
    # Equal weights are a tie: the first are kept, the others pass as they are.
    assert same == list(range(first + kept, first + vision)), same


def test_profile():
    for text in (NCU, NSYS):
        kernels = REPORT.parse_profile(text)
        assert kernels["gemm, large"] == [2, 3900], kernels
        with tempfile.TemporaryDirectory() as logs:
            with open(os.path.join(logs, "profile-kernels.txt"), "w", encoding="utf-8") as file:
                file.write(text)
            profile = REPORT.read_profile(logs)
        assert profile["routing_share"] == 0.025 and len(profile["kernels"]) == 2, profile
    assert REPORT.parse_profile("nothing to see") == {}


def report(bench, torch, f16=None, ops=None):
    """What the report makes of figures of the v1.5 shape."""
    with tempfile.TemporaryDirectory() as logs:
        for name, value in (("bench-llava-1.5-7b", bench), ("torch-llava-1.5-7b", torch),
                            ("bench-f16", f16), ("op-bench-f16", ops)):
            if value is not None:
                with open(os.path.join(logs, name + ".json"), "w", encoding="utf-8") as file:
                    json.dump(value, file)
        with open(os.path.join(logs, "ops-rows.status"), "w", encoding="utf-8") as file:
            file.write("ok      ops-rows, 4 tests (1 s)\n")
        path = os.path.join(logs, "report.json")
        done = subprocess.run([sys.executable, os.path.join(HERE, "report.py"), logs, path],
                              capture_output=True, check=True, text=True)
        with open(path, encoding="utf-8") as file:
            return done.stdout, json.load(file)


def test_report():
    row = {"ms": 10.0, "ms_min": 9.0, "ms_max": 12.0, "flops": 1e12, "flops_per_s": 1e14,
           "bytes_per_s": 1e12, "flops_ratio": 0.5, "bytes_ratio": 0.9}
    bench = {name: dict(row) for name in REPORT.ROWS}
    bench.update({"model": {"dtype": "bf16"}, "device": {"name": "a card"},
                  "over_dense": {"prefill": 0.6},
                  "peaks": {"flops_per_s": 2e14, "read_bytes_per_s": 1e12,
                            "copy_bytes_per_s": 1e12}})
    torch = {"device": {"version": "0"}, "prefill": dict(bench["prefill"], way="eager")}
    torch["prefill"]["ms"] = 2 * bench["prefill"]["ms"]
    f16 = dict(bench, model={"dtype": "f16"})
    ops = {"device": "a card", "act": "f16",
           "ops": [{"name": "an op", "ms": 1.0, "flops_ratio": 0.25, "bytes_ratio": 0.5}]}
    text, value = report(bench, torch, f16, ops)
    assert "llava-1.5-7b on a card, f16: peaks" in text and value["bench_f16"] == f16, text
    assert "Ops on a card, f16" in text and value["ops"] == [ops], text
    targets = {target["what"]: target for target in value["targets"]}
    assert targets["llava-1.5-7b prefill, times as fast as PyTorch"]["value"] == 2
    assert targets["llava-1.5-7b prefill, times as fast as PyTorch"]["met"] is True
    assert targets["llava-next-7b decode, share of the bandwidth"]["met"] is None
    assert "owed    llava-next-7b decode, share of the bandwidth: not measured" in text
    assert "met     llava-1.5-7b prefill, p-MoD / dense: 0.600 (at most 0.62)" in text, text
    assert "MISSED  llava-1.5-7b prefill, share of the product: 0.500" in text, text
    assert value["checks"] == {"ops-rows": "ok      ops-rows, 4 tests (1 s)"}
    for row in REPORT.ROWS:
        assert f"  {row} " in text, (row, text)
    torch["prefill"]["flops"] *= 2
    assert "not the same work, PyTorch's prefill: 2.000 times" in report(bench, torch)[0]
    report(None, None)


def test_without_gpu():
    with tempfile.TemporaryDirectory() as folder:
        if shutil.which("nvidia-smi") is None:
            done = subprocess.run([os.path.join(HERE, "run"), "-o", folder], check=False,
                                  capture_output=True, text=True)
            assert done.returncode == 77 and "no GPU" in done.stdout, done
    done = subprocess.run([os.path.join(HERE, "run"), "everything"], capture_output=True,
                          check=False)
    assert done.returncode == 2, done


def script(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\n" + text)
    os.chmod(path, 0o755)


def test_slices():
    """Packed programs on a machine with a card: a call that has no time for all of it ends in time
    with a report, and the next one does what is left."""
    with tempfile.TemporaryDirectory() as folder:
        gpu, pack = os.path.join(folder, "tests/gpu"), os.path.join(folder, "pack")
        shutil.copytree(HERE, gpu)
        script(os.path.join(folder, "bin/nvidia-smi"), "echo a card\n")
        script(os.path.join(pack, "build-gpu/src/cli/pmod"), "exit 0\n")
        for name in ("attention", "linear", "order", "route", "rows", "train-attention", "train-linear",
                     "train-optimizer", "train-route", "train-rows"):
            wait = '[ -e "$READY" ] || sleep 100\n' if name == "linear" else ""
            fail = '[ -e "$READY" ] || exit 3\n' if name == "rows" else ""
            script(os.path.join(pack, "build-gpu/tests/unit/test-ops-" + name),
                   f'[ "$1" = -l ] && echo /ops/cuda/f32 && exit\n{wait}{fail}'
                   f'echo {name} >> "$RAN"; echo "ok 1 $3"\n')
        subprocess.run(["tar", "-C", pack, "-cf", os.path.join(folder, "pack.tar"), "build-gpu"], check=True)
        env = dict(os.environ, PATH=os.path.join(folder, "bin") + ":" + os.environ["PATH"],
                   READY=os.path.join(folder, "ready"), RAN=os.path.join(folder, "ran"))

        def call():
            done = subprocess.run([os.path.join(gpu, "run"), "-p", os.path.join(folder, "pack.tar"),
                                   "-o", os.path.join(folder, "out"), "-t", "13", "ops", "train"],
                                  check=False, capture_output=True, text=True, env=env, timeout=60)
            with open(os.path.join(folder, "out/report.txt"), encoding="utf-8") as file:
                assert file.read() == done.stdout, done.stdout
            with open(env["RAN"], encoding="utf-8") as file:
                return done.returncode, done.stdout, file.read().split()

        code, text, ran = call()
        assert code == 1 and "LATE    ops-linear: no end in " in text, text
        assert "FAILED  ops-rows: exit status 3" in text and "LATE    train: no time left" in text, text
        assert text.count("\nok      ops-") == 8 and len(ran) == 8, (text, ran)
        assert os.path.exists(os.path.join(folder, "out/logs.tar.gz"))
        assert os.path.exists(os.path.join(folder, "out/report.json"))
        script(env["READY"], "")
        code, text, again = call()
        assert text.count("\nok      ops-") == 10, text
        assert sorted(again[len(ran):]) == ["linear", "rows"], (again, text)
        assert "skipped train-trainer: not built" in text, text
        assert code == 0, text


for test in (test_counts, test_work, test_reference, test_profile, test_report, test_without_gpu,
             test_slices):
    test()
    print("ok", test.__name__)
