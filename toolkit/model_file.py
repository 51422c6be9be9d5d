"""Export to another framework's file: write it, run it in its own runtime, hold that against the reference."""

from __future__ import annotations

from collections.abc import Callable
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
from toolkit.lower.ir import Model, Quantization, Value
from toolkit.lower.passes import lower
from toolkit.verify.agreement import Agreement, agreement

if TYPE_CHECKING:
    from torch.export import ExportedProgram

_GOLDEN_COUNT = 16
_TORCH = "torch, float32 between the integers"


@dataclass(frozen=True)
class Written:
    """A file that was written, and what its own runtime computes from it.

    ``agreements``: against the reference; against it by the runtime's convention of rounding where that is another; and
    where neither is equal, against torch, which computes in float32 between quantize and dequantize nodes. Through
    many layers the two drift apart, and many runtimes are like torch.
    """

    path: Path
    format: str
    runtime: str
    bytes: int
    weights: list[StoredWeight]
    agreements: list[Agreement]

    @property
    def ok(self) -> bool:
        """True when the answers are those of one of what they are held against, but for float32 arithmetic."""
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
            "agreements": [
                asdict(found) | {"exact": found.exact, "ok": found.ok} for found in self.agreements
            ],
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
    check_path(path, format)
    model = lower(program, rounding=rounding)
    reference.check_one_sample(model, str(path))
    if model.learns and format.write_step is not None:
        from toolkit.training.file import export_step

        return export_step(program, format, path)
    if not format.keeps_states:
        _check_stateless(model)
    described = _described(model.inputs, model.input_permutes)
    real = _inputs(program, described, samples, count)
    inputs = [
        tensors.to_device(tensor, array, "samples") for tensor, array in zip(described, real, strict=True)
    ]
    with atomic.replacing(path) as new:
        weights = format.write(program, new)
        size = new.stat().st_size
        found = _run(format, new, real, _described(model.outputs, model.output_permutes))
    agreements = [_compare("the reference", model, reference.run_batch(model, inputs), found)]
    if format.rounding != rounding:
        own = reference.run_batch(lower(program, rounding=format.rounding), inputs)
        agreements.append(_compare(f"the reference, {format.rounding} rounding", model, own, found))
    if not any(one.exact for one in agreements):
        agreements.append(agreement(_TORCH, model.outputs, _by_torch(program, model, real), found))
    return Written(path, format.name, format.runtime, size, weights, agreements)


def check_path(path: Path, format: Format) -> None:
    """Raise ``ToolkitError`` for a path that no file of ``format`` should have."""
    if path.suffix != format.suffix:
        raise ToolkitError(
            f"{path.name} does not end in {format.suffix}", fix=f"choose -o {path.stem}{format.suffix}"
        )
    if path.is_dir():
        raise ToolkitError(
            f"{path} is a folder", fix=f"choose a file with -o, {path / 'model'}{format.suffix}"
        )


def _described(values: list[Value], permutes: list[tuple[int, ...] | None]) -> list[dict[str, Any]]:
    return [describe_tensor(*ends) for ends in zip(values, permutes, strict=True)]


def _check_stateless(model: Model) -> None:
    if model.states:
        raise ToolkitError(
            f"the model keeps states from run to run ({', '.join(state.name for state in model.states)}): "
            "only --format c and executorch can",
            fix="use one of those, or export the model without states",
        )


def _inputs(
    program: ExportedProgram, described: list[dict[str, Any]], samples: np.ndarray | None, count: int
) -> list[np.ndarray]:
    """Return samples as the program takes them, one array per input, first axis the sample."""
    types = {node.name: node.meta["val"].dtype for node in program.graph.nodes if node.op == "placeholder"}
    wanted = [str(types[str(name)]).removeprefix("torch.") for name in program.graph_signature.user_inputs]
    if samples is None:
        _check_no_indices(described)
        arrays = fresh_inputs({"inputs": described}, count, seed=0)
    elif len(described) != 1:
        raise ToolkitError("golden samples need a model with one input", fix="leave the samples out")
    elif not len(samples):
        raise ToolkitError("there are no samples to compare with", fix="give at least one, or leave them out")
    else:
        (tensor,) = described
        samples = (samples[None] if samples.ndim < len(tensor["shape"]) else samples)[:count]
        arrays = [tensors.to_device(tensor, samples, at="golden samples")]
        if samples.dtype.kind == "f" and wanted == ["float32"]:  # not what is left of them after rounding
            return [samples.astype(np.float32)]
    real = [
        tensors.to_user(tensor, array, raw=dtype != "float32")
        for tensor, array, dtype in zip(described, arrays, wanted, strict=True)
    ]
    return [array.astype(dtype) for array, dtype in zip(real, wanted, strict=True)]


def _check_no_indices(described: list[dict[str, Any]]) -> None:
    indices = [tensor["name"] for tensor in described if tensor["dtype"] == "int32"]
    if indices:
        raise ToolkitError(
            f"{', '.join(indices)} holds indices, and random ones would mean nothing",
            fix="give real samples with --golden FILE.npy",
        )


def _run(
    format: Format, file: Path, inputs: list[np.ndarray], outputs: list[dict[str, Any]]
) -> list[np.ndarray]:
    """Return one array per output in the user's layout, first axis the sample."""
    samples: list[Sample] = [[array[i : i + 1] for array in inputs] for i in range(len(inputs[0]))]
    found = [np.concatenate(arrays) for arrays in zip(*format.run(file, samples), strict=True)]
    wanted = [(len(samples), *tensor["shape"][1:]) for tensor in outputs]
    if [array.shape for array in found] != wanted:
        raise ToolkitError(
            f"the file's outputs have the shapes {[array.shape for array in found]} instead of {wanted}",
            fix="report this: the file is not what was exported",
            exit_code=CHECK_FAILED,
        )
    return found


def _compare(against: str, model: Model, on_device: list[np.ndarray], found: list[np.ndarray]) -> Agreement:
    """Hold ``found`` against outputs in the device's layout."""
    described = _described(model.outputs, model.output_permutes)
    expected = [tensors.to_user(*ends, raw=True) for ends in zip(described, on_device, strict=True)]
    return agreement(against, model.outputs, expected, found)


def _by_torch(program: ExportedProgram, model: Model, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """Return what torch computes, float32 between quantize and dequantize: integers where the reference has those."""
    pairs = zip(model.outputs, torch_outputs(program, inputs), strict=True)
    return [array if value.quant is None else _integers(value.quant, array) for value, array in pairs]


def torch_outputs(
    program: ExportedProgram, inputs: list[np.ndarray], rewrite: Callable[[Any], None] = lambda _: None
) -> list[np.ndarray]:
    """Return what torch computes from samples, one array per output, first axis the sample; ``rewrite`` goes before."""
    import torch
    from torch.utils import _pytree

    module = program.module(check_guards=False)
    rewrite(module)
    module.recompile()
    with torch.no_grad():
        samples = [
            [
                output.clone()  # an output may be a state, which the next run changes
                for output in _pytree.tree_leaves(
                    module(*(torch.from_numpy(array[i : i + 1]) for array in inputs))
                )
            ]
            for i in range(len(inputs[0]))
        ]
    return [torch.cat(outputs).numpy() for outputs in zip(*samples, strict=True)]


def _integers(quant: Quantization, array: np.ndarray) -> np.ndarray:
    return np.rint(array / quant.scale[0]).astype(np.int64) + quant.zero_point[0]
