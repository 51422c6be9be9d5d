"""Export to another framework's file: write it, run it in its own runtime, hold that against the reference."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from toolkit import atomic, tensors
from toolkit.backends.formats import Format, Sample, StoredWeight
from toolkit.describe import describe_tensor
from toolkit.errors import CHECK_FAILED, ToolkitError
from toolkit.golden import fresh_inputs
from toolkit.lower import reference
from toolkit.lower.ir import Model
from toolkit.lower.passes import lower
from toolkit.measure.agreement import Agreement, agreement

if TYPE_CHECKING:
    from torch.export import ExportedProgram

_GOLDEN_COUNT = 16


@dataclass(frozen=True)
class Written:
    """A file that was written, and what its own runtime computes from it.

    ``agreements``: against the reference, and against the reference by the runtime's convention of rounding where that
    is another.
    """

    path: Path
    format: str
    runtime: str
    bytes: int
    weights: list[StoredWeight]
    agreements: list[Agreement]

    @property
    def ok(self) -> bool:
        """True when some convention of rounding and float32 arithmetic explain all that differs."""
        return any(found.ok for found in self.agreements)

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON-ready data."""
        return {
            "file": str(self.path),
            "format": self.format,
            "runtime": self.runtime,
            "bytes": self.bytes,
            "weight_bytes": sum(weight.bytes for weight in self.weights),
            "weights": [asdict(weight) for weight in self.weights],
            "ok": self.ok,
            "agreements": [asdict(found) | {"ok": found.ok} for found in self.agreements],
        }


def export_format(
    program: ExportedProgram,
    format: Format,
    path: Path,
    samples: np.ndarray | None = None,
    *,
    count: int = _GOLDEN_COUNT,
    rounding: str = "single",
) -> Written:
    """Write ``program`` as a file of ``format``, run that in its own runtime and compare.

    A file that its runtime cannot run is not written. One whose answers differ is, with ``ok`` false.

    Args:
        program: for one sample; float32, or with q/dq nodes.
        format: from ``toolkit.backends.formats.load``.
        path: of the file, replaced as a whole.
        samples: real ones in the user's layout, first axis the sample, for a program with one input; random ones else.
        count: how many samples to compare at most.
        rounding: the convention of ``toolkit.lower.rounding`` that the program's source follows.

    Raises:
        ToolkitError: layers that the format cannot hold, all named; a program, samples or a path that are of no use;
            a runtime that refuses the file.
    """
    if path.suffix != format.suffix:
        raise ToolkitError(
            f"{path.name} does not end in {format.suffix}", fix=f"choose -o {path.stem}{format.suffix}"
        )
    if path.is_dir():
        raise ToolkitError(
            f"{path} is a folder", fix=f"choose a file with -o, {path / 'model'}{format.suffix}"
        )
    model = lower(program, rounding=rounding)
    reference.check_one_sample(model, str(path))
    _check_stateless(model)
    inputs = _device_inputs(model, samples, count)
    with atomic.replacing(path) as new:
        weights = format.write(program, new)
        size = new.stat().st_size
        found = _run(format, new, _samples(program, model, inputs), len(model.outputs))
    agreements = [_compare(model, "the reference", inputs, found)]
    if format.rounding != rounding:
        own = lower(program, rounding=format.rounding)
        agreements.append(_compare(own, f"the reference, {format.rounding} rounding", inputs, found))
    return Written(path, format.name, format.runtime, size, weights, agreements)


def _check_stateless(model: Model) -> None:
    if model.states:
        raise ToolkitError(
            f"the model keeps states from run to run ({', '.join(state.name for state in model.states)}): "
            "only --format c can",
            fix="use --format c, or export the model without states",
        )


def _device_inputs(model: Model, samples: np.ndarray | None, count: int) -> list[np.ndarray]:
    """Return inputs as the reference takes them, one array per input, first axis the sample."""
    described = [describe_tensor(*ends) for ends in zip(model.inputs, model.input_permutes, strict=True)]
    if samples is None:
        indices = [value.name for value in model.inputs if value.dtype == "int32"]
        if indices:
            raise ToolkitError(
                f"{', '.join(indices)} holds indices: random ones would mean nothing",
                fix="give real samples with --golden FILE.npy",
            )
        return fresh_inputs({"inputs": described}, count, seed=0)
    if len(described) != 1:
        raise ToolkitError("golden samples need a model with one input", fix="leave the samples out")
    if not len(samples):
        raise ToolkitError("there are no samples to compare with", fix="give at least one, or leave them out")
    return [tensors.to_device(described[0], samples[:count], at="golden samples")]


def _samples(program: ExportedProgram, model: Model, inputs: list[np.ndarray]) -> list[Sample]:
    """Return device inputs as the program takes them, one list of arrays per sample."""
    types = {node.name: node.meta["val"].dtype for node in program.graph.nodes if node.op == "placeholder"}
    names = program.graph_signature.user_inputs
    arrays = []
    for name, value, permute, array in zip(names, model.inputs, model.input_permutes, inputs, strict=True):
        dtype = str(types[str(name)]).removeprefix("torch.")
        is_raw = dtype != "float32"
        arrays.append(tensors.to_user(describe_tensor(value, permute), array, raw=is_raw).astype(dtype))
    return [[array[i : i + 1] for array in arrays] for i in range(len(inputs[0]))]


def _run(format: Format, file: Path, samples: list[Sample], outputs: int) -> list[np.ndarray]:
    """Return one array per output, first axis the sample."""
    found = format.run(file, samples)
    if {len(sample) for sample in found} != {outputs} or len(found) != len(samples):
        raise ToolkitError(
            f"{format.runtime} gives another number of outputs than the program has",
            at=str(file.name),
            fix="report this: the file is not what was exported",
            exit_code=CHECK_FAILED,
        )
    return [np.stack([sample[i] for sample in found]) for i in range(outputs)]


def _compare(model: Model, against: str, inputs: list[np.ndarray], found: list[np.ndarray]) -> Agreement:
    described = [describe_tensor(*ends) for ends in zip(model.outputs, model.output_permutes, strict=True)]
    expected = [
        tensors.to_user(tensor, array, raw=True)
        for tensor, array in zip(described, reference.run_batch(model, inputs), strict=True)
    ]
    shapes = (
        [want.shape for want in expected],
        [have.reshape(len(have), *have.shape[2:]).shape for have in found],
    )
    if shapes[0] != shapes[1]:
        raise ToolkitError(
            f"the file's outputs have the shapes {shapes[1]} instead of {shapes[0]}",
            fix="report this: the file is not what was exported",
            exit_code=CHECK_FAILED,
        )
    got = [have.reshape(want.shape) for want, have in zip(expected, found, strict=True)]
    return agreement(against, model.outputs, expected, got)
