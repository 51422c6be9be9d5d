"""``golden.h``: one input of a bundle, the outputs that the reference gives, and C that compares."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def header(bundle: Path, manifest: dict[str, Any]) -> str:
    """Return the header for the first golden sample of ``bundle``; it includes ``model.h`` and nothing else."""
    prefix = str(manifest["prefix"])
    upper = prefix.upper()
    data = {
        kind: b"".join(np.load(bundle / file)[0].tobytes() for file in manifest["golden"][f"{kind}s"])
        for kind in ("input", "output")
    }
    reset = f"    {prefix}_reset();\n" if manifest["states"] else ""
    return f"""/* SPDX-License-Identifier: Apache-2.0 */
/* Made by toolkit: one input of {prefix}, and the outputs that it must give, to the bit. */
#ifndef GOLDEN_H
#define GOLDEN_H

#include "{prefix}.h"

#ifdef __AVR__ /* whose constants lie in flash, with addresses of its own */
#include <avr/pgmspace.h>
#define GOLDEN_ROM PROGMEM
#define GOLDEN_BYTE(at) pgm_read_byte(at)
#else
#define GOLDEN_ROM
#define GOLDEN_BYTE(at) (*(at))
#endif

static const uint8_t golden_input[{len(data["input"])}] GOLDEN_ROM = {{
{_bytes(data["input"])}
}};
static const uint8_t golden_output[{len(data["output"])}] GOLDEN_ROM = {{
{_bytes(data["output"])}
}};

static void golden_put(void *to, uint32_t bytes, uint32_t *at) {{
    for (uint32_t i = 0; i < bytes; ++i) ((uint8_t *)to)[i] = GOLDEN_BYTE(golden_input + (*at)++);
}}

static uint32_t golden_compare(const void *from, uint32_t bytes, uint32_t *at) {{
    uint32_t different = 0;
    for (uint32_t i = 0; i < bytes; ++i) {{
        different += ((const uint8_t *)from)[i] != GOLDEN_BYTE(golden_output + (*at)++);
    }}
    return different;
}}

/* Run the model on the golden input. Returns how many bytes of the outputs are wrong. */
static uint32_t golden_run(void) {{
    uint32_t at = 0, different = 0;
#define GOLDEN_PUT(tensor, bytes) golden_put(tensor, bytes, &at);
#define GOLDEN_COMPARE(tensor, bytes) different += golden_compare(tensor, bytes, &at);
{reset}    {upper}_INPUTS(GOLDEN_PUT)
    {prefix}_run();
    at = 0;
    {upper}_OUTPUTS(GOLDEN_COMPARE)
    return different;
}}

{_values(manifest)}
#endif
"""


def _bytes(data: bytes) -> str:
    rows = (data[i : i + 24] for i in range(0, len(data), 24))
    return "\n".join("    " + ", ".join(map(str, row)) + "," for row in rows)


def _values(manifest: dict[str, Any]) -> str:
    """Return what lets any program print the outputs as whole numbers."""
    outputs, prefix = manifest["outputs"], manifest["prefix"]
    names = [f"{prefix}_output{f'_{i}' if len(outputs) > 1 else ''}" for i in range(len(outputs))]
    lines, total = [], 0
    for name, tensor in zip(names, outputs, strict=True):
        count = int(np.prod(tensor["device_shape"]))
        times = " * 1000.0f" if tensor["dtype"] == "float32" else ""
        lines.append(f"    if (i < {total + count}) return (long)({name}()[i - {total}]{times});\n")
        total += count
    unit = " in thousandths" if any(t["dtype"] == "float32" for t in outputs) else ""
    return f"""#define GOLDEN_VALUES {total}
#define GOLDEN_UNIT "{unit}"

/* Value i of all outputs{unit}. */
static long golden_value(int i) {{
{"".join(lines)}    return 0;
}}
"""
