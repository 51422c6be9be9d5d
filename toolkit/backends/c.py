"""Write a lowered and planned model as ``model.c`` and ``model.h``: C99 that needs only the runtime's headers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from toolkit.backends.shared import LayerCall, Local, share
from toolkit.kernels import implementation
from toolkit.lower.arena import Arena, place
from toolkit.lower.ir import ITEMSIZE, Model, State, Step, Value
from toolkit.ops import operators
from toolkit.ops.base import Call

CTYPES = {"int8": "int8_t", "uint8": "uint8_t", "int16": "int16_t", "uint16": "uint16_t", "int32": "int32_t",
          "uint32": "uint32_t", "int64": "int64_t", "float32": "float", "bool": "uint8_t"}  # fmt: skip


@dataclass
class Layer:
    """What was emitted for one step."""

    step: Step
    time: int  # of the memory plan
    function: str
    kernels: list[str]
    weight_bytes: int = 0  # packed weights
    constant_bytes: int = 0  # weights, biases, multipliers, tables


@dataclass
class Source:
    """The generated C and what is known about it."""

    model_c: str
    model_h: str
    layers: list[Layer]
    arena: Arena
    headers: list[str] = field(default_factory=list)  # runtime headers that model.c includes directly


def emit(model: Model, *, share_kernels: bool = False) -> Source:
    """Return C for ``model``, lowered and with its kernels chosen (``toolkit.lower``).

    ``share_kernels``: layers with the same kernel call one copy of it, which makes them smaller and slower.
    """
    return _Writer(model, share_kernels).write()


def identifier(text: str) -> str:
    """Return ``text`` as a C identifier part."""
    return re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_") or "x"


class _Writer:
    """Implements ``toolkit.ops.base.Emitter`` for one model."""

    def __init__(self, model: Model, share_kernels: bool) -> None:
        self.model = model
        self.share_kernels = share_kernels
        self.arena = place(model)
        self.prefix = identifier(model.name)
        self.constants: list[str] = []
        self.shared: dict[tuple[str, bytes], str] = {}  # constants by type and content
        self.locals: list[Local] = []
        self.pointer_types: dict[str, str] = {}  # by expression
        self.layer: Layer | None = None
        self.index = 0

    # What an operator's `emit` may ask.

    def pointer(self, value: Value) -> str:
        return self._at(self.arena.offset(value), CTYPES[value.dtype])

    def constant(self, suffix: str, data: np.ndarray) -> str:
        assert self.layer is not None
        name = f"{self.prefix}_{self.index}_{suffix}"
        content = (str(data.dtype), data.tobytes())
        if content in self.shared:  # weights that several steps of a sequence, or bands of a layer, use
            return self.shared[content]
        self.shared[content] = name
        self.layer.constant_bytes += data.nbytes
        if suffix.startswith("weight"):
            self.layer.weight_bytes += data.nbytes
        ctype = CTYPES[str(data.dtype)]
        self.pointer_types[name] = f"const {ctype} *"
        self.constants.append(_constant(name, data))
        return name

    def local(self, ctype: str, name: str, initialiser: str) -> str:
        self.locals.append(Local(ctype, name, initialiser))
        return f"&{name}"

    def float_literal(self, value: float) -> str:
        return _float_literal(value)

    def scratch(self, ctype: str = "int8_t") -> str:
        offset = self.arena.scratch_offset(self.index)
        return self._at(offset if offset is not None else 0, ctype)

    # Below: the files.

    def _at(self, offset: int, ctype: str) -> str:
        place = f"{self.prefix}_arena + {offset}" if offset else f"{self.prefix}_arena"
        expression = f"({ctype} *)(void *)({place})" if ctype != "int8_t" else f"{place}"
        self.pointer_types[expression] = f"{ctype} *"
        return expression

    def write(self) -> Source:
        layers: list[Layer] = []
        calls: list[list[LayerCall]] = []  # by layer
        headers: list[str] = []
        for i, step in enumerate(self.model.steps):
            if operators()[step.op].code_free:
                continue
            self.index, self.locals = i, []
            function = f"{self.prefix}_layer_{len(layers)}_{identifier(step.name)}"
            self.layer = Layer(step, i + 1, function, [])
            emitted = implementation(step).emit(step, self)
            found = [emitted] if isinstance(emitted, Call) else list(emitted)
            self.layer.kernels = [call.kernel for call in found]
            headers += [call.header for call in found if call.header not in headers]
            calls.append([LayerCall(call.kernel, tuple(call.args), self._locals_of(call)) for call in found])
            layers.append(self.layer)
        bodies, definitions = self._bodies(calls)
        for layer, body in zip(layers, bodies, strict=True):
            note = f"/* {layer.step.op} {layer.step.name}: {_shape(layer.step)} */".replace("*/ ", "")
            definitions.append(f"{note}\nstatic TK_NOINLINE void {layer.function}(void) {{\n{body}}}\n")
        return Source(
            self._model_c(layers, definitions, headers), self._model_h(), layers, self.arena, headers
        )

    def _locals_of(self, call: Call) -> tuple[Local, ...]:
        return tuple(local for local in self.locals if f"&{local.name}" in call.args)

    def _bodies(self, calls: list[list[LayerCall]]) -> tuple[list[str], list[str]]:
        """Return each layer's statements, and the functions they share when made for size."""
        definitions: list[str] = []
        texts = {id(call): call.text() for layer in calls for call in layer}
        by_kernel: dict[str, list[LayerCall]] = {}
        for call in (call for layer in calls for call in layer):
            by_kernel.setdefault(call.kernel, []).append(call)
        number = 0
        for alike in by_kernel.values():
            if not self.share_kernels or len(alike) < 2:
                continue
            shared = share(self.prefix, alike, self.pointer_types, number)
            if shared is not None:
                definitions += [shared.definition, "".join(shared.constants)]
                texts.update(zip(map(id, alike), shared.calls, strict=True))
                number += len(alike)
        bodies = []
        for layer in calls:
            if len(layer) == 1 or not any(call.locals for call in layer):
                bodies.append("".join(texts[id(call)] for call in layer))
            else:  # their structs may have the same names
                bodies.append("".join(f"    {{\n{texts[id(call)]}    }}\n" for call in layer))
        return bodies, definitions

    def _model_c(self, layers: list[Layer], bodies: list[str], headers: list[str]) -> str:
        p = self.prefix
        reset = self._reset()
        includes = "".join(f'#include "{header}"\n' for header in sorted(set(headers)))
        runs = "".join(
            f"    {layer.function}();\n    {p.upper()}_TRACE({n}, {self.pointer(layer.step.output)}, "
            f"{layer.step.output.nbytes});\n"
            for n, layer in enumerate(layers)
        )
        accessors = "\n".join(
            f"{CTYPES[v.dtype]} *{name}(void) {{ return {self.pointer(v)}; }}" for name, v in self._inputs()
        )
        accessors += "\n" + "\n".join(
            f"const {CTYPES[v.dtype]} *{name}(void) {{ return {self.pointer(v)}; }}"
            for name, v in self._outputs()
        )
        return f"""/* SPDX-License-Identifier: Apache-2.0 */
/* Generated by toolkit. Needs the runtime headers beside it and nothing else. */
#include "{p}.h"

#include "tk.h"
{includes}
static int8_t {p}_arena[{p.upper()}_ARENA_BYTES] TK_ALIGN({8});

#ifdef MODEL_TRACE
void model_trace(unsigned layer, const void *data, unsigned bytes);
#define {p.upper()}_TRACE(layer, data, bytes) model_trace(layer, data, bytes)
#else
#define {p.upper()}_TRACE(layer, data, bytes) (void)0
#endif

{chr(10).join(self.constants)}
{chr(10).join(bodies)}
{accessors}

{reset}void {p}_run(void) {{
{self._started()}{runs}}}
"""

    def _reset(self) -> str:
        """Return the function that gives every state its first content."""
        if not self.model.states:
            return ""
        body = "".join(self._first_content(i, state) for i, state in enumerate(self.model.states))
        p = self.prefix
        return f"static uint8_t {p}_started;\n\nvoid {p}_reset(void) {{\n{body}    {p}_started = 1;\n}}\n\n"

    def _started(self) -> str:
        p = self.prefix
        return f"    if (!{p}_started) {{\n        {p}_reset();\n    }}\n" if self.model.states else ""

    def _first_content(self, index: int, state: State) -> str:
        data, ctype = state.initial.ravel(), CTYPES[state.before.dtype]
        value = _numbers(data[:1]).strip(" ,")
        if (data != data[0]).any():
            name = f"{self.prefix}_state_{index}_initial"
            self.constants.append(_constant(name, data))
            value = f"{name}[i]"
        return (
            f"    for (int32_t i = 0; i < {data.size}; ++i) {{\n"
            f"        ({self.pointer(state.before)})[i] = ({ctype})({value});\n    }}\n"
        )

    def _reset_declaration(self) -> str:
        if not self.model.states:
            return ""
        kept = ", ".join(state.name for state in self.model.states)
        return (
            f"\n/* Kept from one run to the next: {kept}. */\n"
            f"#define {self.prefix.upper()}_STATE_BYTES {sum(s.before.nbytes for s in self.model.states)}\n"
            f"/* Forget it, as before the first run. */\n"
            f"void {self.prefix}_reset(void);\n"
        )

    def _inputs(self) -> list[tuple[str, Value]]:
        return _named(f"{self.prefix}_input", self.model.inputs)

    def _outputs(self) -> list[tuple[str, Value]]:
        return _named(f"{self.prefix}_output", self.model.outputs)

    def _model_h(self) -> str:
        p, upper = self.prefix, self.prefix.upper()
        arena = max(self.arena.plan.arena_bytes, 1)
        inputs = " ".join(f"use({name}(), {v.nbytes})" for name, v in self._inputs())
        outputs = " ".join(f"use({name}(), {v.nbytes})" for name, v in self._outputs())
        scales = "".join(_scale_macros(name, v) for name, v in (*self._inputs(), *self._outputs()))
        docs = [
            f"/* {_describe(v)}; the run overwrites it. */\n{CTYPES[v.dtype]} *{n}(void);"
            for n, v in self._inputs()
        ]
        docs += [f"/* {_describe(v)}; valid until the next run. */\nconst {CTYPES[v.dtype]} *{n}(void);"
                 for n, v in self._outputs()]  # fmt: skip
        return f"""/* SPDX-License-Identifier: Apache-2.0 */
/* Generated by toolkit. One model, one arena: write the inputs, call {p}_run(), read the outputs. */
#ifndef {upper}_H
#define {upper}_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

#define {upper}_ARENA_BYTES {arena}
/* One use(pointer, bytes) per tensor. */
#define {upper}_INPUTS(use) {inputs}
#define {upper}_OUTPUTS(use) {outputs}
{scales}
{chr(10).join(docs)}

/* Run the model once on what the inputs hold. Not reentrant: the arena is the model's own. */
void {p}_run(void);
{self._reset_declaration()}
#ifdef __cplusplus
}}
#endif

#endif
"""


def _constant(name: str, data: np.ndarray) -> str:
    return (
        f"static const {CTYPES[str(data.dtype)]} {name}[{data.size}] TK_WEIGHTS = {{\n{_numbers(data)}\n}};\n"
    )


def _named(stem: str, values: list[Value]) -> list[tuple[str, Value]]:
    if len(values) == 1:
        return [(stem, values[0])]
    return [(f"{stem}_{i}", value) for i, value in enumerate(values)]


def _shape(step: Step) -> str:
    def dims(value: Value) -> str:
        return "x".join(map(str, value.shape)) or "1"

    return f"{' + '.join(dims(v) for v in step.activations)} -> {dims(step.output)}"


def _describe(value: Value) -> str:
    shape = " x ".join(map(str, value.shape))
    if value.quant is None:
        return f"{shape} {value.dtype}"
    scale, zero = float(value.quant.scale[0]), int(value.quant.zero_point[0])
    return f"{shape} {value.dtype}, real = {scale:.9g} * (q - {zero})".replace("- -", "+ ")


def _scale_macros(name: str, value: Value) -> str:
    """What C code needs to turn real numbers into a tensor's integers and back."""
    if value.quant is None:
        return ""
    scale, zero = float(value.quant.scale[0]), int(value.quant.zero_point[0])
    stem = name.upper()
    return f"#define {stem}_SCALE {_float_literal(scale)}\n#define {stem}_ZERO_POINT ({zero})\n"


def _float_literal(value: float) -> str:
    if np.isinf(
        value
    ):  # no math.h: an overflowing literal is not portable, the largest float serves as bound
        return "3.40282347e+38f" if value > 0 else "-3.40282347e+38f"
    text = f"{np.float32(value):.9g}"
    return f"{text}f" if any(c in text for c in ".e") else f"{text}.0f"


def _numbers(data: np.ndarray) -> str:
    flat = data.ravel()
    if data.dtype == np.float32:
        items = [_float_literal(float(x)) for x in flat]
    elif data.dtype == np.uint32:
        items = [f"0x{x:08x}u" for x in flat.tolist()]
    elif data.dtype == np.int32:
        items = [str(x) if x > -(2**31) else "-2147483647 - 1" for x in flat.tolist()]
    else:
        items = [str(x) for x in flat.tolist()]
    per_line = 8 if data.dtype.itemsize == ITEMSIZE["float32"] else 24
    return "\n".join(
        "    " + ", ".join(items[i : i + per_line]) + "," for i in range(0, len(items), per_line)
    )
