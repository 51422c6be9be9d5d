"""What ``manifest.json`` says of a compiled model; ``toolkit.manifest`` reads it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import toolkit
from toolkit.backends import c
from toolkit.device import targets
from toolkit.lower.ir import Model, Value
from toolkit.lower.learning import answering
from toolkit.ops import operators
from toolkit.ops.weighted import weight_type

if TYPE_CHECKING:
    from toolkit.program.source import Source

SCHEMA = 1


def describe_model(
    model: Model,
    emitted: c.Source,
    target: targets.Target,
    name: str,
    source: Source,
    rounding: str,
    optimize: str,
) -> dict[str, Any]:
    """Return the manifest of an emitted model, without what is known only when its files are written."""
    plan = emitted.arena.plan
    answer = {id(step) for step in answering(model)} if model.learns else None
    layers = [
        {**_layer(i, layer), "answers": answer is None or id(layer.step) in answer}
        for i, layer in enumerate(emitted.layers)
    ]
    block_layers = [_layer(i, layer) for i, layer in enumerate(emitted.block_layers)]
    all_layers = layers + block_layers
    return {
        "schema": SCHEMA,
        "toolkit_version": toolkit.__version__,
        "name": name,
        "prefix": model.name,
        "target": target.name,
        "kernels": target.kernels,
        "optimize": optimize,
        "rounding": rounding,
        "source": {
            "file": source.path.name,
            "format": source.kind,
            "quantized_here": source.quantized_here,
            "sha256": _sha256(source.path),
        },
        "inputs": [describe_tensor(v, p) for v, p in zip(model.inputs, model.input_permutes, strict=True)],
        "outputs": [describe_tensor(v, p) for v, p in zip(model.outputs, model.output_permutes, strict=True)],
        "learns": model.learns,
        "states": [{**describe_tensor(state.before, None), "name": state.name} for state in model.states],
        "layers": layers,
        "block": None
        if model.block is None
        else {"elements": model.block.inputs[0].shape[0], "layers": block_layers},
        "memory_plan": {
            "arena_bytes": plan.arena_bytes,
            "lower_bound_bytes": plan.lower_bound_bytes,
            "optimal": plan.optimal,
            "greedy_bytes": plan.greedy_bytes,
            "buffers": [
                {
                    "name": b.name,
                    "offset": plan.offsets[b.name],
                    "bytes": b.bytes,
                    "first": b.first,
                    "last": b.last,
                    "kind": b.kind,
                }
                for b in emitted.arena.buffers
            ],
        },
        "sizes": {
            "weight_bytes": sum(layer["weight_bytes"] for layer in all_layers),
            "constant_bytes": sum(layer["constant_bytes"] for layer in all_layers),
            "arena_bytes": plan.arena_bytes,
            "macs": sum(layer["macs"] for layer in layers),
        },
        "info": source.info,
    }


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _layer(index: int, layer: c.Layer) -> dict[str, Any]:
    step, operator = layer.step, operators()[layer.step.op]
    weighted = operator.quantization == "weighted"
    return {
        "index": index,
        "name": step.name,
        "op": step.op,
        "step": layer.time,
        "kernel": layer.kernels[0],
        "function": layer.function,
        "weight_type": weight_type(step) if weighted else None,
        "weight_bytes": layer.weight_bytes,
        "constant_bytes": layer.constant_bytes,
        "macs": operator.macs(step),
        "output": {
            "name": step.output.name,
            "device_shape": list(step.output.shape),
            "dtype": step.output.dtype,
            "bytes": step.output.nbytes,
        },
    }


def describe_tensor(value: Value, permute: tuple[int, ...] | None) -> dict[str, Any]:
    """Return an input or output as the manifest describes it; ``permute`` turns the user's axes to the device's."""
    user = list(value.shape) if permute is None else [value.shape[i] for i in np.argsort(permute)]
    return {
        "name": value.name,
        "shape": user,
        "device_shape": list(value.shape),
        "permute": None if permute is None else [int(i) for i in permute],
        "dtype": value.dtype,
        "scale": None if value.quant is None else float(value.quant.scale[0]),
        "zero_point": None if value.quant is None else int(value.quant.zero_point[0]),
        "bytes": value.nbytes,
    }
