"""All cases of an operator as one program: a sample holds every case's inputs, one run computes them all."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from tests.ops import fences
from tests.ops.fences import Fence
from toolkit import paths
from toolkit.backends.c import emit
from toolkit.kernels import PORTABLE, candidates, kernels
from toolkit.lower.ir import Model, Value
from toolkit.ops import operators
from toolkit.ops.base import Case

FLOAT_TOLERANCE = 1e-5  # relative to a case's largest output: sums may be reordered


@dataclass(frozen=True)
class CaseProgram:
    """A folder laid out as a bundle, and the cases its program computes."""

    folder: Path
    cases: list[Case]
    fences: list[Fence] = field(default_factory=list)

    def sample(self) -> bytes:
        """Return the input bytes of one run."""
        return b"".join(data.tobytes() for case in self.cases for data in case.inputs)

    def mismatches(self, output: bytes, *, exact_float: bool = False) -> list[str]:
        """Return a line for every case whose output differs from its reference."""
        lines, position = [], 0
        for case in self.cases:
            expected = operators()[case.step.op].reference(case.step, case.inputs)
            got = np.frombuffer(output, expected.dtype, expected.size, position).reshape(expected.shape)
            position += expected.nbytes
            allowed = 0.0
            if expected.dtype == np.float32 and not exact_float:
                allowed = FLOAT_TOLERANCE * float(np.abs(expected).max())
            with np.errstate(invalid="ignore"):  # of infinite values
                near = np.abs(got.astype(np.float64) - expected.astype(np.float64)) <= allowed
            wrong = ~(near | (got == expected) | (np.isnan(got) & np.isnan(expected)))
            if wrong.any():
                first = np.unravel_index(wrong.argmax(), wrong.shape)
                lines.append(
                    f"{case.id}: {wrong.sum()} of {wrong.size} differ; at {tuple(map(int, first))} "
                    f"is {got[first]}, should be {expected[first]}"
                )
        assert position == len(output), f"{len(output)} bytes came back, {position} expected"
        return lines


def every_kernel(name: str, kernel_set: str) -> list[Case]:
    """Return an operator's cases, and its kernels' own, once for each kernel of a set that computes them.

    Portable kernels are the set ``portable`` alone.
    """
    cases = list(operators()[name].cases())
    cases += [case for k in kernels().values() if k.op == name and kernel_set in k.sets for case in k.cases()]
    return [
        replace(case, id=f"{case.id}-{kernel}", step=replace(case.step, kernel=kernel))
        for case in cases
        for kernel in candidates(case.step, kernel_set)
        if (kernel == PORTABLE) == (kernel_set == PORTABLE)
    ]


def write(
    folder: Path, cases: list[Case], target: str, *, fenced: bool = False, shared: bool = False
) -> CaseProgram:
    """Write the C of ``cases`` to ``folder`` as ``toolkit.device.build`` wants a bundle, with ``fences`` if wanted.

    ``shared`` kernels are one function for all cases, as with ``--optimize size``, instead of inlined into each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(paths.runtime_dir() / "include", folder / "runtime", dirs_exist_ok=True)
    names = [f"case_{i}" for i in range(len(cases))]
    found: list[Fence] = []
    for name, case in zip(names, cases, strict=True):
        if fenced:
            source, own = fences.fenced(model_of(name, case))
            found += own
        else:
            source = emit(model_of(name, case))
        (folder / f"{name}.c").write_text(source.model_c, encoding="utf-8")
        (folder / f"{name}.h").write_text(source.model_h, encoding="utf-8")
    header = ["#ifndef MODEL_H", "#define MODEL_H", *(f'#include "{name}.h"' for name in names)]
    for macro in ("INPUTS", "OUTPUTS"):
        uses = " ".join(f"{name.upper()}_{macro}(use)" for name in names)
        header.append(f"#define MODEL_{macro}(use) {uses}")
    header += ["#define MODEL_ARENA_BYTES 0", "void model_run(void);", "#endif", ""]
    (folder / "model.h").write_text("\n".join(header), encoding="utf-8")
    runs = "".join(f"    {name}_run();\n" for name in names)
    body = [*(["#define TK_SHARE_KERNELS"] if shared else []), '#include "model.h"']
    body += [f'#include "{name}.c"' for name in names]
    if fenced:
        body.append(fences.poison(found))
        runs = f"    poison();\n{runs}"
    (folder / "model.c").write_text(
        "\n".join([*body, f"void model_run(void) {{\n{runs}}}", ""]), encoding="utf-8"
    )
    program = CaseProgram(folder, cases, found)
    manifest = {
        "schema": 1,
        "target": target,
        "inputs": [{"bytes": len(program.sample())}],
        "outputs": [{"bytes": sum(case.step.output.nbytes for case in cases)}],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return program


def model_of(name: str, case: Case) -> Model:
    """Return a model of one step: the case's."""
    inputs: list[Value] = []
    for value in case.step.activations:
        if not any(value is known for known in inputs):
            inputs.append(value)
    return Model(name, inputs, [case.step.output], [case.step])
