"""Write a lowered and planned model as ``model.c`` and ``model.h``: C99 that needs only the runtime's headers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from toolkit.backends import header, literals
from toolkit.backends.literals import CTYPES
from toolkit.backends.loops import loop_over_strips
from toolkit.backends.shared import LayerCall, Local, share
from toolkit.kernels import implementation
from toolkit.lower import learning
from toolkit.lower.arena import ALIGNMENT, Arena, place
from toolkit.lower.ir import Model, State, Step, Value
from toolkit.ops import operators
from toolkit.ops.base import Call, Loop


@dataclass
class Layer:
    """What was emitted for one step."""

    step: Step
    time: int  # of the memory plan
    function: str
    kernels: list[str]
    weight_bytes: int = 0  # packed weights
    constant_bytes: int = 0  # weights, biases, multipliers, tables
    functions: list[str] = field(default_factory=list)  # that its kernel wrote for it
    loop: Loop | None = None  # over strips, each by the kernels


@dataclass
class Source:
    """The generated C and what is known about it."""

    model_c: str
    model_h: str
    layers: list[Layer]
    arena: Arena
    headers: list[str] = field(default_factory=list)  # runtime headers that model.c includes directly
    block_layers: list[Layer] = field(
        default_factory=list
    )  # of the model's form for several elements at once


def emit(model: Model, *, share_kernels: bool = False, arena: Arena | None = None) -> Source:
    """Return C for ``model``, lowered and with its kernels chosen (``toolkit.lower``).

    Args:
        model: what runs.
        share_kernels: layers with the same kernel call one copy of it, which makes them smaller and slower.
        arena: where its buffers lie, if not where ``toolkit.lower.arena.place`` puts them.
    """
    return _Writer(model, share_kernels, arena or place(model)).write()


def identifier(text: str) -> str:
    """Return ``text`` as a C identifier part."""
    return re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_") or "x"


class _Writer:
    """Implements ``toolkit.ops.base.Emitter`` for one model."""

    def __init__(self, model: Model, share_kernels: bool, arena: Arena) -> None:
        self.model = model
        self.share_kernels = share_kernels
        self.arena = arena
        self.prefix = identifier(model.name)
        self.constants: list[str] = []  # and functions, in the order in which layers need them
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
        self.pointer_types[name] = f"const TK_ROM {ctype} *"
        self.constants.append(literals.array(name, data))
        return name

    def function(self, suffix: str, text: str) -> str:
        assert self.layer is not None
        name = f"{self.prefix}_{self.index}_{suffix}"
        known = ("function", text.encode())
        if known not in self.shared:
            self.shared[known] = name
            self.constants.append(text.replace("NAME", name))
            self.layer.functions.append(name)
        return self.shared[known]

    def local(self, ctype: str, name: str, initialiser: str) -> str:
        self.locals.append(Local(ctype, name, initialiser))
        return f"&{name}"

    def float_literal(self, value: float) -> str:
        return literals.float_literal(value)

    def scratch(self, ctype: str = "int8_t") -> str:
        offset = self.arena.scratch_offset(self.index + 1)
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
        count = 0  # of the layers that are not the block's
        for time, step in self.model.timeline():
            if operators()[step.op].code_free:
                continue
            self.index, self.locals = time - 1, []
            if time <= len(self.model.steps):
                function, count = f"{self.prefix}_layer_{count}", count + 1
            else:
                function = f"{self.prefix}_block_layer_{len(layers) - count}"
            self.layer = Layer(step, time, f"{function}_{identifier(step.name)}", [])
            emitted = implementation(step).emit(step, self)
            if isinstance(emitted, Loop):
                self.layer.loop = emitted
                emitted = emitted.calls
            found = [emitted] if isinstance(emitted, Call) else list(emitted)
            self.layer.kernels = [call.kernel for call in found]
            headers += [call.header for call in found if call.header not in headers]
            calls.append([LayerCall(call.kernel, tuple(call.args), self._locals_of(call)) for call in found])
            layers.append(self.layer)
        bodies, definitions = self._bodies(layers, calls)
        for layer, body in zip(layers, bodies, strict=True):
            note = f"/* {layer.step.op} {layer.step.name}: {_shape(layer.step)} */".replace("*/ ", "")
            definitions.append(f"{note}\nstatic TK_NOINLINE void {layer.function}(void) {{\n{body}}}\n")
        return Source(
            self._model_c(layers[:count], layers[count:], definitions, headers),
            header.model_h(self.model, self.prefix, self.arena.plan.arena_bytes),
            layers[:count],
            self.arena,
            headers,
            layers[count:],
        )

    def _locals_of(self, call: Call) -> tuple[Local, ...]:
        return tuple(local for local in self.locals if f"&{local.name}" in call.args)

    def _bodies(self, layers: list[Layer], calls: list[list[LayerCall]]) -> tuple[list[str], list[str]]:
        """Return each layer's statements, and the functions they share.

        Made for size, all calls of a kernel share one. Else only calls that differ in nothing but where their
        activations lie: one layer at several steps of a sequence.
        """
        definitions: list[str] = []
        texts = {id(call): call.text() for layer in calls for call in layer}
        groups: dict[tuple[Any, ...], list[LayerCall]] = {}
        for layer, own in zip(layers, calls, strict=True):
            for call in own if layer.loop is None else []:
                key = (call.kernel,) if self.share_kernels else (call.kernel, *self._but_for_places(call))
                groups.setdefault(key, []).append(call)
        number = 0
        for alike in groups.values():
            if len(alike) < 2:
                continue
            shared = share(self.prefix, alike, self.pointer_types, number)
            if shared is not None:
                definitions += [shared.definition, "".join(shared.constants)]
                texts.update(zip(map(id, alike), shared.calls, strict=True))
                number += len(alike)
        bodies: list[str] = []
        for layer, own in zip(layers, calls, strict=True):
            if layer.loop is not None:
                looped = loop_over_strips(
                    layer.loop, f"{self.prefix}_strip_{len(bodies)}", [texts[id(call)] for call in own]
                )
                definitions += looped.parts
                bodies.append(looped.body)
            elif len(own) == 1 or not any(call.locals for call in own):
                bodies.append("".join(texts[id(call)] for call in own))
            else:  # their structs may have the same names
                bodies.append("".join(f"    {{\n{texts[id(call)]}    }}\n" for call in own))
        return bodies, definitions

    def _but_for_places(self, call: LayerCall) -> tuple[Any, ...]:
        """Return what a call is made of, addresses in the arena left out."""
        kinds = [self.pointer_types.get(argument, "const") for argument in call.args]
        args = (a if kind.startswith("const") else kind for a, kind in zip(call.args, kinds, strict=True))
        return (*args, *call.locals)

    def _model_c(
        self, layers: list[Layer], block_layers: list[Layer], bodies: list[str], headers: list[str]
    ) -> str:
        p = self.prefix
        reset = self._reset()
        includes = "".join(f'#include "{file}"\n' for file in sorted(set(headers)))
        entries = self._entry(self.model, p, layers)
        if self.model.block is not None:
            entries = f"{entries}\n{self._entry(self.model.block, f'{p}_block', block_layers)}"
        return f"""/* SPDX-License-Identifier: Apache-2.0 */
/* Generated by toolkit. Needs the runtime headers beside it and nothing else. */
#include "{p}.h"

#include "tk.h"
{includes}
static int8_t {p}_arena[{p.upper()}_ARENA_BYTES] TK_ALIGN({ALIGNMENT});

#ifdef MODEL_TRACE
void model_trace(unsigned layer, const void *data, unsigned bytes);
#define {p.upper()}_TRACE(layer, data, bytes) model_trace(layer, data, bytes)
#else
#define {p.upper()}_TRACE(layer, data, bytes) (void)0
#endif

{chr(10).join(self.constants)}
{chr(10).join(bodies)}
{reset}{entries}"""

    def _entry(self, model: Model, prefix: str, layers: list[Layer]) -> str:
        """Return the functions by which a program runs ``model``."""
        ways = {"run": model.steps}
        if model.learns:
            ways |= {"predict": learning.answering(model), "learn": learning.learning(model)}
        ends = [("", header.inputs(model, prefix)), ("const ", header.outputs(model, prefix))]
        if model is self.model:
            ends.append(("", header.states(model, prefix)))
        accessors = "".join(
            f"{kind}{CTYPES[v.dtype]} *{name}(void) {{ return {self.pointer(v)}; }}\n"
            for kind, named in ends
            for name, v in named
        )
        return accessors + "".join(
            f"\nvoid {prefix}_{way}(void) {{\n{self._started()}{self._calls(layers, steps)}}}\n"
            for way, steps in ways.items()
        )

    def _calls(self, layers: list[Layer], steps: list[Step]) -> str:
        """Return the calls of those layers that compute one of ``steps``."""
        wanted = {id(step) for step in steps}
        return "".join(
            f"    {layer.function}();\n    {self.prefix.upper()}_TRACE({n}, {self.pointer(layer.step.output)}, "
            f"{layer.step.output.nbytes});\n"
            for n, layer in enumerate(layers)
            if id(layer.step) in wanted
        )

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
        value = literals.numbers(data[:1]).strip(" ,")
        if (data != data[0]).any():
            name = f"{self.prefix}_state_{index}_initial"
            self.constants.append(literals.array(name, data))
            value = f"{name}[i]"
        return (
            f"    for (int32_t i = 0; i < {data.size}; ++i) {{\n"
            f"        ({self.pointer(state.before)})[i] = ({ctype})({value});\n    }}\n"
        )


def _shape(step: Step) -> str:
    def dims(value: Value) -> str:
        return "x".join(map(str, value.shape)) or "1"

    return f"{' + '.join(dims(v) for v in step.activations)} -> {dims(step.output)}"
