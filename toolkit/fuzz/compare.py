"""One recipe through every backend; what differs, and by how much."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from toolkit.describe import describe_tensor
from toolkit.errors import ToolkitError
from toolkit.fuzz.recipe import Recipe

if TYPE_CHECKING:
    from toolkit.lower.ir import Model

BACKENDS = ("eager", "devices", "litert", "litert-export", "onnx")
SAMPLES = 6
FLOAT_TOLERANCE = 1e-4  # of the largest output: float32 sums are taken in another order
# Integers are compared with a program that computes in float between its roundings: some steps for each layer, and a
# share of the range for what nonlinear functions make of them.
STEPS_PER_LAYER, SHARE = 2, 0.04


@dataclass(frozen=True)
class Finding:
    """Two backends that disagree about a recipe, or one that fails."""

    backend: str
    what: str


def compare(
    recipe: Recipe, *, backends: Sequence[str] = BACKENDS, targets: Sequence[str] = ("host", "cortex-m4")
) -> list[Finding]:
    """Return what ``backends`` say differently of ``recipe``; nothing when all agree.

    Args:
        recipe: of a random model.
        backends: "eager" holds our integer and float references against torch; "devices" the C on ``targets`` against
            the references, every layer, to the bit; "litert" a ``.tflite`` file's import against LiteRT's reference
            kernels, to the bit; "litert-export" what those kernels make of a ``.tflite`` file of ours against the
            reference; "onnx" float and int8 ``.onnx`` files' import against ONNX Runtime.
        targets: where "devices" runs.
    """
    checks: dict[str, Callable[[Recipe, Path], list[str]]] = {
        "eager": _eager,
        "devices": lambda recipe, folder: _devices(recipe, folder, targets),
        "litert": _litert,
        "litert-export": _litert_export,
        "onnx": _onnx,
    }
    findings: list[Finding] = []
    for backend in backends:
        with tempfile.TemporaryDirectory(prefix="toolkit-fuzz-", ignore_cleanup_errors=True) as folder:
            try:
                found = checks[backend](recipe, Path(folder))
            except ToolkitError as error:
                found = [f"{error.what} ({error.at})"]
            except Exception as error:  # a crash of any backend is what fuzzing looks for
                found = [f"{type(error).__name__}: {str(error)[:300]}"]
        findings += [Finding(backend, what) for what in found]
    return findings


def _eager(recipe: Recipe, _: Path) -> list[str]:
    import torch

    from toolkit.fuzz.torch_model import RecipeModule
    from toolkit.lower.passes import lower
    from toolkit.program.quantize import quantize_ptq

    samples = recipe.samples(SAMPLES)
    module = RecipeModule(recipe).eval()
    batch = [torch.from_numpy(sample[None]) for sample in samples]
    floating = torch.export.export(module, (batch[0],))
    expected = np.concatenate([module(x).numpy() for x in batch])
    found = _far("float reference", _outputs(lower(floating), samples), expected)
    program = quantize_ptq(module, samples)
    model = lower(program)
    quantized = program.module()
    eager = np.concatenate([quantized(x).numpy() for x in batch])
    return found + _steps("integer reference", _outputs(model, samples), eager, model, len(recipe.layers))


def _devices(recipe: Recipe, folder: Path, targets: Sequence[str]) -> list[str]:
    from toolkit import bundle
    from toolkit.fuzz.torch_model import RecipeModule
    from toolkit.program import pt2
    from toolkit.program.quantize import quantize_ptq
    from toolkit.verify.verify import verify

    samples = recipe.samples(SAMPLES)
    pt2.save(quantize_ptq(RecipeModule(recipe).eval(), samples), folder / "model.pt2")
    found = []
    for target in targets:
        bundle.export(folder / "model.pt2", target, folder / target, golden=samples, golden_count=2)
        result = verify(folder / target, fresh=3, layer_samples=1, host=False)
        if not result.ok:
            found.append(f"{target}: {result.first_difference}")
    return found


def _litert(recipe: Recipe, folder: Path) -> list[str]:
    from toolkit.fuzz import tflite_model
    from toolkit.lower.passes import lower
    from toolkit.program import source

    if not tflite_model.supports(recipe):
        return []
    samples = recipe.samples(SAMPLES)
    file = folder / "model.tflite"
    file.write_bytes(tflite_model.build(recipe, samples))
    loaded = source.load(file)
    model = lower(loaded.program, rounding=loaded.rounding)
    shape = tflite_model.file_shape(recipe.input_shape)
    inputs = np.random.default_rng(recipe.seed).integers(-128, 128, (SAMPLES, *shape[1:])).astype(np.int8)
    expected = tflite_model.run(file.read_bytes(), inputs)
    got = _device_outputs(model, inputs)
    return _unequal(got, expected, "LiteRT's reference kernels")


def _litert_export(recipe: Recipe, _: Path) -> list[str]:
    from toolkit import tensors
    from toolkit.backends.litert.write import file_of
    from toolkit.fuzz import tflite_model
    from toolkit.fuzz.torch_model import RecipeModule
    from toolkit.lower.passes import lower
    from toolkit.program.quantize import quantize_ptq

    samples = recipe.samples(SAMPLES)
    program = quantize_ptq(RecipeModule(recipe).eval(), samples)
    model = lower(program, rounding="litert", views=False)
    described = describe_tensor(model.inputs[0], model.input_permutes[0])
    inputs = tensors.to_device(described, samples, at="samples")
    expected = _run(model, inputs)
    got = tflite_model.run(file_of(model)[0], inputs).reshape(expected.shape)
    return _unequal(got, expected, "the reference")


def _onnx(recipe: Recipe, folder: Path) -> list[str]:
    import onnx

    from toolkit.fuzz import onnx_model
    from toolkit.lower.passes import lower
    from toolkit.program import source

    samples = recipe.samples(SAMPLES)
    onnx.save(onnx_model.build(recipe), folder / "float.onnx")
    floating = lower(source.load(folder / "float.onnx", keep_float=True).program)
    found = _far("float .onnx", _outputs(floating, samples), onnx_model.run(folder / "float.onnx", samples))
    for kind in ("qdq", "qoperator"):
        file = folder / f"{kind}.onnx"
        onnx_model.quantize(folder / "float.onnx", file, samples, operators=kind == "qoperator")
        if not any(node.op_type.startswith(("QuantizeL", "QLinear")) for node in onnx.load(file).graph.node):
            continue  # nothing in it that ONNX Runtime's tools quantize
        loaded = source.load(file)
        model = lower(loaded.program, rounding=loaded.rounding)
        found += _steps(
            f"{kind} .onnx",
            _outputs(model, samples),
            onnx_model.run(file, samples),
            model,
            len(recipe.layers),
        )
    return found


def _outputs(model: Model, samples: np.ndarray) -> np.ndarray:
    """Return the reference's outputs as real numbers in the user's layout, for inputs in the user's layout."""
    from toolkit import tensors

    (value,), (permute,) = model.inputs, model.input_permutes
    inputs = tensors.to_device(describe_tensor(value, permute), samples, at="samples")
    described = describe_tensor(model.outputs[0], model.output_permutes[0])
    return tensors.to_user(described, _run(model, inputs), raw=False)


def _device_outputs(model: Model, inputs: np.ndarray) -> np.ndarray:
    """Return the reference's integers in the user's layout, for integers in the user's layout."""
    from toolkit import tensors

    described = describe_tensor(model.inputs[0], model.input_permutes[0])
    result = _run(model, tensors.to_device(described, inputs, at="inputs"))
    return tensors.to_user(describe_tensor(model.outputs[0], model.output_permutes[0]), result, raw=True)


def _run(model: Model, inputs: np.ndarray) -> np.ndarray:
    from toolkit.lower import reference

    return reference.run_batch(model, [inputs])[0]


def _unequal(got: np.ndarray, expected: np.ndarray, what: str) -> list[str]:
    """Return what integers that should be equal say."""
    distance = np.abs(got.astype(int) - expected)
    wrong = int((distance > 0).sum())
    return [f"{wrong} of {got.size} outputs differ from {what}, by up to {distance.max()}"] if wrong else []


def _far(what: str, got: np.ndarray, expected: np.ndarray) -> list[str]:
    error = float(np.abs(got - expected).max())
    allowed = FLOAT_TOLERANCE * max(float(np.abs(expected).max()), 1e-3)
    return [f"{what}: differs by {error:g}, {allowed:g} is allowed"] if not error <= allowed else []


def _steps(what: str, got: np.ndarray, expected: np.ndarray, model: Model, layers: int) -> list[str]:
    quant = model.outputs[0].quant
    step = float(quant.scale[0]) if quant is not None else float(np.abs(expected).max()) / 127
    error = float(np.abs(got - expected).max()) / max(step, 1e-12)
    allowed = STEPS_PER_LAYER * layers + SHARE * 255
    return (
        [f"{what}: differs by {error:.1f} steps, {allowed:.0f} are allowed"] if not error <= allowed else []
    )
