"""The decoder's layers written plainly in PyTorch, timed where pmod bench is timed.

Not a port of anything: the formulas of the paper (arXiv 2412.04449) and of LLaMA, in bf16 with
scaled_dot_product_attention, each layer also through torch.compile, everything also as one CUDA
graph. The best of these ways counts; all of them are in the result. Weights are random.

    torch-layers.py [--preset NAME]... [--output DIRECTORY] [--seconds N] [--device cuda|cpu]

Writes DIRECTORY/torch-PRESET.json, whose keys are those of pmod bench --json, after each
measurement anew. Before it measures, a small layer is compared with the same formulas in Python's
own F64 numbers. --device cpu with --preset tiny tries all of it without a GPU. Exit status: 77
where there is no PyTorch or no GPU, 1 where the comparison fails.
"""

import argparse
import json
import math
import os
import random
import signal
import statistics
import struct
import sys
import time

try:
    import torch
    import torch.nn.functional as F
except ImportError as failure:
    torch = None
    MISSING = f"no PyTorch: {failure}"

PRESETS = {
    # layers, width, heads, feed-forward width, vocabulary, vision and text tokens
    "llava-1.5-7b": (32, 4096, 32, 11008, 32000, 576, 58),
    "llava-next-7b": (32, 4096, 32, 11008, 32000, 2928, 58),
    "tiny": (12, 64, 4, 96, 128, 40, 10),
}
EPS = 1e-5
ROPE_BASE = 10000.0
UPPER, LOWER, FACTOR = 0.85, 0.15, 0.5
WARM_UP = 3


def first_vision(text_tokens):
    """The picture stands between the first half of the text and the second."""
    return text_tokens // 2


def to_f32(value):
    return struct.unpack("f", struct.pack("f", value))[0]


def keep_counts(layers, vision_tokens):
    """Of each layer: how many vision tokens it keeps, None where it is plain (shiftedcos)."""
    counts = []
    for layer in range(layers):
        ratio = math.cos(layer * math.pi / (layers - 1)) / 2 + FACTOR
        if ratio > UPPER:
            counts.append(None)
        else:
            counts.append(int(to_f32(vision_tokens * to_f32(max(ratio, LOWER)))))
    return counts


# --- The work, as pmod bench counts it ---------------------------------------------------------


class Shape:
    def __init__(self, name, dense):
        (self.layers, self.width, self.heads, self.ffn, self.vocabulary,
         self.vision, self.text) = PRESETS[name]
        self.name = name
        self.head = self.width // self.heads
        self.tokens = self.vision + self.text
        kept = keep_counts(self.layers, self.vision)
        self.kept = [None] * self.layers if dense else kept
        self.rows = [self.tokens if k is None else k + self.text for k in self.kept]
        self.layer_weights = 4 * self.width * self.width + 3 * self.width * self.ffn
        self.weights = self.layers * self.layer_weights + self.width * self.vocabulary

    def prefill_flops(self):
        flops = 2 * self.width * self.vocabulary
        for kept, rows in zip(self.kept, self.rows):
            flops += 2 * self.layer_weights * rows + 4 * self.width * rows * (rows + 1) / 2
            flops += 2 * self.width * self.vision if kept is not None else 0
        return flops

    def decode_flops(self, new_tokens):
        flops = 2 * self.weights
        for rows in self.rows:
            flops += 4 * self.width * (rows + new_tokens)
        return flops

    def decode_bytes(self, new_tokens, size):
        cache = sum(2 * self.width * (rows + new_tokens) for rows in self.rows)
        return size * (self.weights + cache)


# --- The same in Python's own numbers ----------------------------------------------------------


def matmul(x, w):
    """x [T,K] times w [N,K] transposed."""
    return [[sum(a * b for a, b in zip(row, out)) for out in w] for row in x]


def reference_norm(x, weight):
    rows = []
    for row in x:
        scale = 1 / math.sqrt(sum(v * v for v in row) / len(row) + EPS)
        rows.append([v * scale * w for v, w in zip(row, weight)])
    return rows


def reference_rotate(row, position, head):
    out = list(row)
    for start in range(0, len(row), head):
        for i in range(head // 2):
            angle = position / ROPE_BASE ** (2 * i / head)
            a, b = row[start + i], row[start + head // 2 + i]
            out[start + i] = a * math.cos(angle) - b * math.sin(angle)
            out[start + head // 2 + i] = b * math.cos(angle) + a * math.sin(angle)
    return out


def reference_attention(q, k, v, head):
    rows = []
    for t, query in enumerate(q):
        row = []
        for start in range(0, len(query), head):
            part = slice(start, start + head)
            scores = [sum(a * b for a, b in zip(query[part], key[part])) / math.sqrt(head)
                      for key in k[:t + 1]]
            peak = max(scores)
            shares = [math.exp(score - peak) for score in scores]
            for i in range(start, start + head):
                row.append(sum(s * value[i] for s, value in zip(shares, v)) / sum(shares))
        rows.append(row)
    return rows


def reference_block(h, positions, w, head):
    """Returns h after attention, and the MLP's output."""
    width = len(h[0])
    qkv = matmul(reference_norm(h, w["norm1"]), w["qkv"])
    q = [reference_rotate(row[:width], p, head) for row, p in zip(qkv, positions)]
    k = [reference_rotate(row[width:2 * width], p, head) for row, p in zip(qkv, positions)]
    v = [row[2 * width:] for row in qkv]
    mixed = matmul(reference_attention(q, k, v, head), w["out"])
    h = [[a + b for a, b in zip(x, y)] for x, y in zip(h, mixed)]
    both = matmul(reference_norm(h, w["norm2"]), w["gate_up"])
    n = len(both[0]) // 2
    inner = [[g / (1 + math.exp(-g)) * u for g, u in zip(row[:n], row[n:])] for row in both]
    return h, matmul(inner, w["down"])


def reference_layer(x, w, head, first, vision, kept):
    """A routed layer; kept None: a plain one."""
    if kept is None:
        h, m = reference_block(x, range(len(x)), w, head)
        return [[a + b for a, b in zip(p, q)] for p, q in zip(h, m)]
    weight = [1.0] * len(x)
    for t in range(first, first + vision):
        z = sum(a * b for a, b in zip(x[t], w["router"])) + w["router_bias"][0]
        weight[t] = 0.2 * math.tanh(z) + 1
    order = sorted(range(first, first + vision), key=lambda t: (-weight[t], t))
    skipped = set(order[kept:])
    rows = [t for t in range(len(x)) if t not in skipped]
    h, m = reference_block([x[t] for t in rows], rows, w, head)
    out = [[weight[t] * v for v in row] for t, row in enumerate(x)]
    for t, a, b in zip(rows, h, m):
        out[t] = [p + weight[t] * q for p, q in zip(a, b)]
    return out


# --- The same in PyTorch -----------------------------------------------------------------------


def norm(x, weight):
    wide = x.float()
    wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + EPS)
    return wide.to(x.dtype) * weight


def rotate(x, cos_sin):
    """x [T,H,dh]; cos_sin [T,1,dh]: cos in the first half, sin in the second."""
    cos, sin = cos_sin.chunk(2, -1)
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)


def project(h, cos_sin, w, head):
    """q, k, v, each [H,T,dh]."""
    q, k, v = F.linear(norm(h, w["norm1"]), w["qkv"]).view(h.shape[0], 3, -1, head).unbind(1)
    return (rotate(q, cos_sin).transpose(0, 1), rotate(k, cos_sin).transpose(0, 1),
            v.transpose(0, 1))


def finish(h, mixed, w):
    """h after attention, and the MLP's output."""
    h = h + F.linear(mixed.transpose(0, 1).reshape(h.shape), w["out"])
    gate, up = F.linear(norm(h, w["norm2"]), w["gate_up"]).chunk(2, -1)
    return h, F.linear(F.silu(gate) * up, w["down"])


def block(h, cos_sin, w, head):
    q, k, v = project(h, cos_sin, w, head)
    mixed = F.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=True)[0]
    return finish(h, mixed, w) + (k, v)


def plain_layer(x, cos_sin, w, head):
    h, m, k, v = block(x, cos_sin, w, head)
    return h + m, k, v


def routed_layer(x, cos_sin, w, head, first, vision, kept):
    z = x[first:first + vision].float() @ w["router"].float() + w["router_bias"].float()
    weight = 0.2 * torch.tanh(z) + 1
    chosen = weight.topk(kept).indices.sort().values + first
    every = torch.arange(x.shape[0], device=x.device)
    rows = torch.cat((every[:first], chosen, every[first + vision:]))
    row_weight = F.pad(weight, (first, x.shape[0] - first - vision), value=1.0)[:, None]
    h, m, k, v = block(x[rows], cos_sin[rows], w, head)
    out = (x * row_weight).to(x.dtype)
    return out.index_copy(0, rows, (h + row_weight[rows] * m).to(x.dtype)), k, v


def decode_layer(x, cos_sin, w, head, keys, values, at):
    """One token; keys and values [H,C,dh] get their row at, and rows after it are not seen."""
    q, k, v = project(x, cos_sin, w, head)
    keys.index_copy_(1, at, k)
    values.index_copy_(1, at, v)
    seen = torch.arange(keys.shape[1], device=x.device)[None] <= at
    mixed = F.scaled_dot_product_attention(q[None], keys[None], values[None], attn_mask=seen)[0]
    h, m = finish(x, mixed, w)
    return h + m


class Network:
    """Random weights of a shape, and its passes."""

    def __init__(self, shape, dtype, device):
        self.dtype, self.device = dtype, device
        self.layers = [self.random_layer(shape) for _ in range(shape.layers)]
        self.table = self.random(shape.vocabulary, shape.width)
        self.head = self.random(shape.vocabulary, shape.width)
        self.norm = torch.ones(shape.width, dtype=dtype, device=device)
        self.set_shape(shape)

    def random(self, *sizes):
        bound = 1 / math.sqrt(sizes[-1])
        tensor = torch.empty(*sizes, dtype=self.dtype, device=self.device)
        return tensor.uniform_(-bound, bound)

    def random_layer(self, shape):
        one = torch.ones(shape.width, dtype=self.dtype, device=self.device)
        return {
            "norm1": one, "norm2": one,
            "qkv": self.random(3 * shape.width, shape.width),
            "out": self.random(shape.width, shape.width),
            "gate_up": self.random(2 * shape.ffn, shape.width),
            "down": self.random(shape.width, shape.ffn),
            "router": self.random(shape.width),
            "router_bias": torch.zeros(1, dtype=self.dtype, device=self.device),
        }

    def set_shape(self, shape, new_tokens=0):
        """Another count of tokens, routed or not, over the same weights."""
        self.shape = shape
        n = shape.tokens + new_tokens
        inverse = ROPE_BASE ** (-torch.arange(0, shape.head, 2, device=self.device) / shape.head)
        angles = torch.arange(n, device=self.device)[:, None] * inverse[None]
        self.cos_sin = torch.cat((angles.cos(), angles.sin()), -1)[:, None].to(self.dtype)
        # Neither zeros nor all alike: both would be multiplied faster than a model's states.
        self.x = torch.randn(shape.tokens, shape.width, device=self.device).to(self.dtype)
        self.caches = []
        for rows in shape.rows:
            size = (shape.heads, rows + new_tokens, shape.head)
            self.caches.append([torch.zeros(size, dtype=self.dtype, device=self.device)
                                for _ in range(2)])
        self.at = [torch.tensor([rows], device=self.device) for rows in shape.rows]
        self.position = torch.tensor([shape.tokens], device=self.device)
        self.token = torch.zeros(1, dtype=torch.long, device=self.device)
        self.logits = None

    def prefill(self, plain, routed):
        shape, x = self.shape, self.x
        first = first_vision(shape.text)
        for w, kept, cache in zip(self.layers, shape.kept, self.caches):
            angles = self.cos_sin[:shape.tokens]
            if kept is None:
                x, k, v = plain(x, angles, w, shape.head)
            else:
                x, k, v = routed(x, angles, w, shape.head, first, shape.vision, kept)
            for part, rows in zip(cache, (k, v)):
                part[:, :rows.shape[1]].copy_(rows)
        self.logits = F.linear(norm(x[-1:], self.norm), self.head)

    def decode(self, layer):
        """One token after the prefill, always at the same place: as many bytes every time."""
        x = self.table[self.token]
        angles = self.cos_sin[self.position]
        for w, cache, at in zip(self.layers, self.caches, self.at):
            x = layer(x, angles, w, self.shape.head, cache[0], cache[1], at)
        self.logits = F.linear(norm(x, self.norm), self.head)
        self.token.copy_(self.logits.argmax(-1))


# --- The comparison ----------------------------------------------------------------------------


def distance(got, want):
    """The relative L2 distance; infinite where anything is not finite."""
    if not all(math.isfinite(v) for row in got for v in row):
        return math.inf
    off = sum((a - b) ** 2 for g, w in zip(got, want) for a, b in zip(g, w))
    return math.sqrt(off / sum(b * b for row in want for b in row))


def small_case(seed):
    """Rows x, weights, and first, vision, kept of a layer that Python can compute."""
    draw = random.Random(seed)
    width, head, ffn, tokens, first, vision, kept = 32, 8, 48, 19, 3, 12, 5

    def matrix(rows, columns, size):
        return [[draw.gauss(0, size) for _ in range(columns)] for _ in range(rows)]

    w = {
        "norm1": [draw.gauss(1, 0.1) for _ in range(width)],
        "norm2": [draw.gauss(1, 0.1) for _ in range(width)],
        "qkv": matrix(3 * width, width, 0.3), "out": matrix(width, width, 0.2),
        "gate_up": matrix(2 * ffn, width, 0.2), "down": matrix(width, ffn, 0.2),
        "router": [draw.gauss(0, 0.3) for _ in range(width)], "router_bias": [0.1],
    }
    return matrix(tokens, width, 1), w, head, first, vision, kept


def check_layers(device, dtype):
    """The largest distance of a plain, a routed and a decode layer from F64."""
    worst = 0
    for seed in range(3):
        x, w, head, first, vision, kept = small_case(seed)
        tensors = {name: torch.tensor(value, dtype=dtype, device=device)
                   for name, value in w.items()}
        # The reference sees what the device sees: the same rounded numbers.
        w = {name: value.double().tolist() for name, value in tensors.items()}
        rows = torch.tensor(x, dtype=dtype, device=device)
        x = rows.double().tolist()
        inverse = ROPE_BASE ** (-torch.arange(0, head, 2, dtype=torch.float64) / head)
        angles = torch.arange(len(x), dtype=torch.float64)[:, None] * inverse[None]
        angles = torch.cat((angles.cos(), angles.sin()), -1)[:, None].to(device, dtype)
        for count in (None, kept):
            if count is None:
                out, k, v = plain_layer(rows, angles, tensors, head)
            else:
                out, k, v = routed_layer(rows, angles, tensors, head, first, vision, count)
            want = reference_layer(x, w, head, first, vision, count)
            worst = max(worst, distance(out.double().tolist(), want))
        # The last row again, as a token after the others.
        out, k, v = plain_layer(rows, angles, tensors, head)
        at = torch.tensor([len(x) - 1], device=device)
        keys, values = (F.pad(t[:, :-1], (0, 0, 0, 3)) for t in (k, v))
        last = decode_layer(rows[-1:], angles[at], tensors, head, keys, values, at)
        want = reference_layer(x, w, head, first, vision, None)[-1:]
        worst = max(worst, distance(last.double().tolist(), want))
    return worst


# F32 sums of a few dozen terms; bf16 rounds every state at 2^-9 a dozen times on its way.
BOUNDS = {"float32": 1e-5, "bfloat16": 4e-2}


def check(device):
    ok = True
    for name, bound in BOUNDS.items():
        off = check_layers(device, getattr(torch, name))
        good = off <= bound
        ok = ok and good
        print(f"layers in {name}: rel-L2 {off:.2e} from F64 (<= {bound:.0e})"
              f"{'' if good else ' FAILED'}")
    return ok


# --- Timing ------------------------------------------------------------------------------------


class TooLate(Exception):
    pass


def too_late(number, frame):
    raise TooLate("no time left")


def time_call(call, runs, device):
    """Milliseconds of each run."""
    times = []
    for i in range(WARM_UP + runs):
        if device == "cuda":
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            call()
            end.record()
            end.synchronize()
            ms = begin.elapsed_time(end)
        else:
            start = time.perf_counter()
            call()
            ms = 1e3 * (time.perf_counter() - start)
        if i >= WARM_UP:
            times.append(ms)
    return times


def capture(call):
    """The call as one CUDA graph."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(2):
            call()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    return graph.replay


def measure_ways(ways, runs, device, deadline):
    """Name -> milliseconds of each run, or why there are none. ways: name -> what to call."""
    results = {}
    # A compiler that never ends must leave time for what comes after.
    deadline -= 0.4 * max(deadline - time.monotonic(), 0)
    for name, call in ways.items():
        for kind in ("", "graph of ") if device == "cuda" else ("",):
            left = int(deadline - time.monotonic())
            try:
                if left <= 0:
                    raise TooLate("no time left")
                signal.alarm(left)
                with torch.inference_mode():
                    call()
                    results[kind + name] = time_call(capture(call) if kind else call, runs, device)
            except Exception as failure:  # What a compiler may raise is its own matter.
                lines = str(failure).strip().splitlines() or [type(failure).__name__]
                results[kind + name] = f"{type(failure).__name__}: {lines[0]}"
            finally:
                signal.alarm(0)
    return results


def make_row(results, tokens, flops, n_bytes, peaks):
    """A row as pmod bench has it: of the way that was fastest."""
    timed = {name: times for name, times in results.items() if not isinstance(times, str)}
    row = {"ways": {name: times if isinstance(times, str) else statistics.median(times)
                    for name, times in results.items()}}
    if not timed:
        return row
    best = min(timed, key=lambda name: statistics.median(timed[name]))
    times = timed[best]
    ms = statistics.median(times)
    row.update({
        "way": best, "runs": len(times), "ms": ms, "ms_min": min(times), "ms_max": max(times),
        "tokens_per_s": 1e3 * tokens / ms, "flops": flops, "bytes": n_bytes,
        "flops_per_s": 1e3 * flops / ms, "flops_peak": peaks["flops_per_s"],
        "flops_ratio": 1e3 * flops / ms / peaks["flops_per_s"],
        "bytes_per_s": 1e3 * n_bytes / ms, "bytes_peak": peaks["bytes_per_s"],
        "bytes_ratio": 1e3 * n_bytes / ms / peaks["bytes_per_s"],
    })
    return row


def measure_peaks(device, dtype):
    n = 8192 if device == "cuda" else 512
    a, b = (torch.randn(n, n, device=device).to(dtype) for _ in range(2))
    product = min(time_call(lambda: a @ b, 20, device))
    n_bytes = 4 << 30 if device == "cuda" else 64 << 20
    data = torch.ones(n_bytes // 4, device=device)
    half = data.numel() // 2
    copy = min(time_call(lambda: data[half:].copy_(data[:half]), 20, device))
    return {"flops_per_s": 2e3 * n ** 3 / product, "bytes_per_s": 1e3 * n_bytes / copy}


def compiled(function):
    # One compilation for all counts of tokens; a few more where the compiler wants them.
    for name in ("recompile_limit", "cache_size_limit"):
        if hasattr(torch._dynamo.config, name):
            setattr(torch._dynamo.config, name, 64)
    return torch.compile(function, dynamic=True)


def measure_preset(name, network, functions, peaks, arguments, deadline):
    """Measures one preset, dense last, and writes what is known after each row."""
    device, runs, new_tokens = arguments.device, arguments.runs, 16
    result = {
        "model": {"name": name, "random_weights": True,
                  "layers": network.shape.layers, "hidden": network.shape.width,
                  "dtype": str(network.dtype).replace("torch.", "").replace("bfloat16", "bf16")},
        "device": {"backend": "torch", "version": torch.__version__,
                   "name": torch.cuda.get_device_name() if device == "cuda" else "CPU"},
        "vision_tokens": network.shape.vision, "text_tokens": network.shape.text,
        "new_tokens": 1, "schedule": "shiftedcos", "factor": FACTOR, "peaks": peaks,
    }
    size = 2 if network.dtype == torch.bfloat16 else 4
    for suffix in ("", "_dense"):
        shape = Shape(name, suffix != "")
        network.set_shape(shape, new_tokens)
        ways = {way: (lambda f=f: network.prefill(f["plain"], f["routed"]))
                for way, f in functions.items()}
        result["prefill" + suffix] = make_row(
            measure_ways(ways, runs, device, deadline), shape.tokens, shape.prefill_flops(),
            size * shape.weights, peaks)
        ways = {way: (lambda f=f: network.decode(f["decode"])) for way, f in functions.items()}
        result["decode" + suffix] = make_row(
            measure_ways(ways, 5 * runs, device, deadline), 1, shape.decode_flops(1),
            shape.decode_bytes(1, size), peaks)
        rows = [result.get(key, {}) for key in ("prefill", "prefill_dense", "decode",
                                                "decode_dense")]
        if all("ms" in row for row in rows):
            result["over_dense"] = {"prefill": rows[0]["ms"] / rows[1]["ms"],
                                    "decode": rows[2]["ms"] / rows[3]["ms"]}
        write(result, os.path.join(arguments.output, f"torch-{name}.json"))
    return result


def write(result, path):
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(result, file, indent=2)
        file.write("\n")
    os.replace(path + ".new", path)


def describe(result):
    print(f"{result['model']['name']}: PyTorch {result['device']['version']} on "
          f"{result['device']['name']}; peaks {result['peaks']['flops_per_s'] / 1e12:.1f} TFLOP/s, "
          f"{result['peaks']['bytes_per_s'] / 1e9:.0f} GB/s")
    for name in ("prefill", "prefill_dense", "decode", "decode_dense"):
        row = result.get(name, {})
        if "ms" in row:
            print(f"  {name:<14} {row['ms']:9.3f} ms  {100 * row['flops_ratio']:5.1f} % of the "
                  f"product, {100 * row['bytes_ratio']:5.1f} % of the copy: {row['way']}")
        for way, value in row.get("ways", {}).items():
            text = f"{value:9.3f} ms" if not isinstance(value, str) else value
            print(f"    {way:<18} {text}")


def skip_reason(device):
    if torch is None:
        return MISSING
    if device == "cuda" and not torch.cuda.is_available():
        return "PyTorch finds no GPU"
    return None


def main():
    parser = argparse.ArgumentParser(description="The decoder's layers in PyTorch, timed.")
    parser.add_argument("--preset", action="append", choices=PRESETS)
    parser.add_argument("--output", default=".")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--no-compile", action="store_true")
    arguments = parser.parse_args()
    deadline = time.monotonic() + arguments.seconds
    reason = skip_reason(arguments.device)
    if reason is not None:
        print(f"torch-layers: {reason}")
        return 77
    torch.manual_seed(1)
    with torch.inference_mode():
        if not check(arguments.device):
            return 1
    dtype = torch.bfloat16
    presets = arguments.preset or ["llava-1.5-7b", "llava-next-7b"]
    functions = {"eager": {"plain": plain_layer, "routed": routed_layer, "decode": decode_layer}}
    if not arguments.no_compile:
        functions["compiled"] = {name: compiled(f) for name, f in functions["eager"].items()}
    signal.signal(signal.SIGALRM, too_late)
    with torch.inference_mode():
        peaks = measure_peaks(arguments.device, dtype)
        network = Network(Shape(presets[0], False), dtype, arguments.device)
        for i, name in enumerate(presets):
            # What is left is shared among the presets that are left.
            now = time.monotonic()
            share = now + (deadline - now) / (len(presets) - i)
            network.set_shape(Shape(name, False))
            describe(measure_preset(name, network, functions, peaks, arguments, share))
    return 0


if __name__ == "__main__":
    sys.exit(main())
