"""Hand-written bundles for the tests of building, running and measuring: no compiler of ours is involved."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import numpy as np

from toolkit import paths

INPUT_BYTES, OUTPUT_BYTES = 8, 4

_HEADER = f"""
#ifndef MODEL_H
#define MODEL_H
#include <stdint.h>
#define MODEL_INPUTS(use) use(model_input(), {INPUT_BYTES})
#define MODEL_OUTPUTS(use) use(model_output(), {OUTPUT_BYTES})
#define MODEL_ARENA_BYTES 12
int8_t *model_input(void);
void model_run(void);
const int8_t *model_output(void);
#endif
"""

_SOURCE = """
#include "model.h"
#include "runtime/tk.h"
#define LAYER __attribute__((noinline, visibility("hidden")))
#ifdef MODEL_TRACE
void model_trace(unsigned layer, const void *data, unsigned bytes);
#define TRACE(layer, data, bytes) model_trace(layer, data, bytes);
#else
#define TRACE(layer, data, bytes)
#endif
static int8_t arena[MODEL_ARENA_BYTES] TK_ALIGN(8);
int8_t *model_input(void) { return arena; }
const int8_t *model_output(void) { return arena + 8; }
@GLOBALS@
LAYER void model_layer_0_relu(void);
LAYER void model_layer_1_fc(void);
LAYER void model_layer_0_relu(void) {
@LAYER_0@
}
LAYER void model_layer_1_fc(void) {
@LAYER_1@
}
void model_run(void);
void model_run(void) {
    model_layer_0_relu();
    TRACE(0, arena, 8)
    model_layer_1_fc();
    TRACE(1, arena + 8, 4)
}
"""

WEIGHTS = [[3 * row - 2 * column + 1 for column in range(INPUT_BYTES)] for row in range(OUTPUT_BYTES)]
# `volatile`, or the compiler folds so few weights into the code
_LIST = ", ".join(str(weight) for row in WEIGHTS for weight in row)
_GLOBALS = f"TK_WEIGHTS static const volatile int8_t weights[] = {{{_LIST}}};"
_RELU = "for (int i = 0; i < 8; i++) if (arena[i] < 0) arena[i] = 0;"
_FULLY_CONNECTED = """
    for (int row = 0; row < 4; row++) {
        int32_t sum = 0;
        for (int i = 0; i < 8; i++) sum += weights[8 * row + i] * arena[i];
        arena[8 + row] = (int8_t)tk_clamp(tk_requantize(sum, (int32_t)1 << 30, 32), -128, 127);
    }
"""


def make(
    folder: Path,
    target: str = "cortex-m4",
    *,
    globals: str = "",
    layer_0: str = _RELU,
    layer_1: str = _FULLY_CONNECTED,
) -> Path:
    """Write a bundle of two layers into ``folder``: relu, and fully connected with ``WEIGHTS``, unless told."""
    (folder / "runtime").mkdir(parents=True)
    shutil.copy(paths.runtime_dir() / "include" / "tk.h", folder / "runtime")
    source = _SOURCE.replace("@GLOBALS@", _GLOBALS + "\n" + globals)
    source = source.replace("@LAYER_0@", layer_0).replace("@LAYER_1@", layer_1)
    (folder / "model.c").write_text(source, encoding="utf-8")
    (folder / "model.h").write_text(_HEADER, encoding="utf-8")
    tensors = {"dtype": "int8", "scale": 1.0, "zero_point": 0, "permute": None}
    layers = [("relu", "relu", 0, 8), ("fc", "fully_connected", 32, 4)]
    manifest = {
        "schema": 1,
        "name": "model",
        "target": target,
        "kernels": "portable",
        "inputs": [{"name": "x", "shape": [1, 8], "device_shape": [1, 8], "bytes": 8, **tensors}],
        "outputs": [{"name": "y", "shape": [1, 4], "device_shape": [1, 4], "bytes": 4, **tensors}],
        "layers": [
            {
                "index": i,
                "name": name,
                "op": op,
                "function": f"model_layer_{i}_{name}",
                "macs": macs,
                "step": i + 1,
                "kernel": "none",
                "weight_type": None,
                "weight_bytes": macs,
                "constant_bytes": macs,
                "output": {"name": name, "device_shape": [1, size], "bytes": size, "dtype": "int8"},
            }
            for i, (name, op, macs, size) in enumerate(layers)
        ],
        "sizes": {"weight_bytes": 32, "arena_bytes": 12},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def with_golden(bundle: Path) -> Path:
    """Give ``bundle`` two golden samples, the second one all zeros, and return it."""
    (bundle / "golden").mkdir()
    np.save(bundle / "golden" / "input_0.npy", np.array([[5, -3, 4, 2, -2, 9, 100, -100], [0] * 8], np.int8))
    np.save(bundle / "golden" / "output_0.npy", np.zeros((2, 4), np.int8))
    manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    manifest["golden"] = {"count": 2, "inputs": ["golden/input_0.npy"], "outputs": ["golden/output_0.npy"]}
    (bundle / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return bundle


def expected(sample: bytes) -> bytes:
    """Return what the plain bundle computes."""
    x = [max(0, value - 256 if value > 127 else value) for value in sample]
    sums = [sum(w * v for w, v in zip(row, x, strict=True)) for row in WEIGHTS]
    return bytes(max(-128, min(127, (s + 2) >> 2)) & 0xFF for s in sums)


def samples(count: int, seed: int = 0) -> list[bytes]:
    """Return random samples for any bundle of ``make``."""
    generator = random.Random(seed)
    return [generator.randbytes(INPUT_BYTES) for _ in range(count)]


def winding(seed: int, statements: int = 300) -> dict[str, str]:
    """Return arguments for ``make``: long layers full of branches, loops, switches, calls and data-dependent paths."""
    generator = random.Random(seed)
    lines = []
    for i in range(statements):
        a, b, c = (generator.randrange(8) for _ in range(3))
        cases = "".join(f"case {j}: x[{b}] += {i * j + 3}; x[{c}] ^= x[{a}]; break;" for j in range(8))
        lines.append(
            generator.choice(
                [
                    f"x[{a}] = x[{b}] * {generator.randrange(1, 99)} + x[{c}];",
                    f"x[{a}] = x[{b}] > x[{c}] ? x[{b}] - {i} : x[{c}] ^ {i};",
                    f"if (x[{a}] & 1) x[{b}] += x[{c}];",
                    f"x[{a}] += (uint32_t)(((uint64_t)x[{b}] * x[{c}]) >> 32);",
                    *([f"switch (x[{a}] & 7) {{{cases}}}"] if i % 9 == 0 else []),
                    *(
                        [f"for (unsigned i = 0; i < (x[{a}] & 15); i++) x[{b}] = x[{b}] * 3 + i;"]
                        if i % 5 == 0
                        else []
                    ),
                    *([f"stir(&x[{a}]);"] if i % 5 == 0 else []),
                ]
            )
        )
    helper = """
        static uint32_t x[8];
        static __attribute__((noinline)) void stir(uint32_t *p) {
            for (int i = 0; i < 5; i++) *p = *p * 1664525u + 1013904223u;
            if (*p & 4) *p ^= 77;
        }"""
    half = len(lines) // 2
    begin = "for (int i = 0; i < 8; i++) x[i] = (uint8_t)arena[i];\n"
    end = "\nfor (int i = 0; i < 4; i++) arena[8 + i] = (int8_t)(x[i] ^ x[i + 4]);"
    return {
        "globals": helper,
        "layer_0": begin + "\n".join(lines[:half]),
        "layer_1": "\n".join(lines[half:]) + end,
    }
