"""A hand-written bundle that learns: a linear classifier with softmax and SGD, no compiler of ours involved."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from toolkit import paths

FEATURES, CLASSES = 8, 4

_HEADER = f"""
#ifndef MODEL_H
#define MODEL_H
#include <stdint.h>
#define MODEL_ARENA_BYTES 64
#define MODEL_INPUTS(use) \\
    use(model_input_0(), {4 * FEATURES}) use(model_input_1(), {4 * CLASSES}) use(model_input_2(), 4)
#define MODEL_OUTPUTS(use) use(model_output_0(), {4 * CLASSES}) use(model_output_1(), 4)
#define MODEL_STATE_BYTES {4 * CLASSES * (FEATURES + 1)}
#define MODEL_STATES(use) use(model_state_0(), {4 * CLASSES * FEATURES}) use(model_state_1(), {4 * CLASSES})
float *model_input_0(void);
float *model_input_1(void);
float *model_input_2(void);
const float *model_output_0(void);
const float *model_output_1(void);
float *model_state_0(void);
float *model_state_1(void);
void model_run(void);
void model_predict(void);
void model_learn(void);
void model_reset(void);
#endif
"""

_SOURCE = f"""
#include "model.h"
#include "runtime/tk.h"
#include "runtime/tk_exp_f32.h"
static float x[{FEATURES}], target[{CLASSES}], rate[1], logits[{CLASSES}], loss[1];
static float weight[{CLASSES}][{FEATURES}], bias[{CLASSES}];
float *model_input_0(void) {{ return x; }}
float *model_input_1(void) {{ return target; }}
float *model_input_2(void) {{ return rate; }}
const float *model_output_0(void) {{ return logits; }}
const float *model_output_1(void) {{ return loss; }}
float *model_state_0(void) {{ return weight[0]; }}
float *model_state_1(void) {{ return bias; }}
static TK_NOINLINE void model_layer_0_fc(void) {{
    for (int k = 0; k < {CLASSES}; ++k) {{
        logits[k] = bias[k];
        for (int i = 0; i < {FEATURES}; ++i) logits[k] += weight[k][i] * x[i];
    }}
}}
static TK_NOINLINE void model_layer_1_update(void) {{
    float error[{CLASSES}], sum = 0.0f;
    for (int k = 0; k < {CLASSES}; ++k) sum += error[k] = tk_exp_f32(logits[k]);
    loss[0] = 0.0f;
    for (int k = 0; k < {CLASSES}; ++k) {{
        error[k] = error[k] / sum - target[k];
        loss[0] += error[k] * error[k];
        bias[k] -= rate[0] * error[k];
        for (int i = 0; i < {FEATURES}; ++i) weight[k][i] -= rate[0] * error[k] * x[i];
    }}
    for (int i = 0; i < {FEATURES}; ++i) x[i] = 1e9f; /* a run overwrites its inputs */
}}
void model_reset(void) {{
    for (int k = 0; k < {CLASSES}; ++k) {{
        bias[k] = 0.0f;
        for (int i = 0; i < {FEATURES}; ++i) weight[k][i] = 0.0f;
    }}
}}
void model_predict(void) {{ model_layer_0_fc(); }}
void model_run(void) {{ model_layer_0_fc(); model_layer_1_update(); }}
void model_learn(void) {{ model_run(); }}
"""


def make(folder: Path, target: str = "mps2-an386") -> Path:
    """Write the bundle into ``folder``."""
    (folder / "runtime").mkdir(parents=True)
    for header in (paths.runtime_dir() / "include").glob("*.h"):
        (folder / "runtime" / header.name).write_bytes(header.read_bytes())
    (folder / "model.c").write_text(_SOURCE, encoding="utf-8")
    (folder / "model.h").write_text(_HEADER, encoding="utf-8")

    def tensor(name: str, *shape: int) -> dict[str, object]:
        size = 4 * int(np.prod(shape))
        return {"name": name, "dtype": "float32", "shape": shape, "device_shape": shape, "bytes": size}

    manifest = {
        "schema": 1,
        "name": "learner",
        "target": target,
        "kernels": "portable",
        "learns": True,
        "inputs": [tensor("sample", 1, FEATURES), tensor("target", 1, CLASSES), tensor("rate", 1)],
        "outputs": [tensor("logits", 1, CLASSES), tensor("loss", 1)],
        "states": [tensor("weight", CLASSES, FEATURES), tensor("bias", CLASSES)],
        "sizes": {"weight_bytes": 0, "arena_bytes": 64},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def samples(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return float32 ``(count, FEATURES)`` around a centre for each class, and the classes."""
    rng = np.random.default_rng(seed)
    centres = np.eye(CLASSES, FEATURES) * 2 - 0.5
    labels = rng.integers(CLASSES, size=count)
    noise = rng.normal(size=(count, FEATURES)) * 0.3
    return (centres[labels] + noise).astype(np.float32), labels
