"""From a float model to a quantized program: after training (PTQ), and trained with rounding (QAT)."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import torch
from torch import fx, nn
from torch.export import ExportedProgram
from torch.utils import _pytree as pytree

from quantize.fold import CannotFoldError, fold_batchnorm
from quantize.int8 import TERNARY_RANGE, VANISHING, WEIGHT_RANGES
from quantize.pt2e import prepare_pt2e, prepare_qat_pt2e
from quantize.quiet import quiet
from quantize.ternary import NotTernaryError, drop_weak_channels, split
from toolkit.errors import ToolkitError
from toolkit.program.capture import capture, samples
from toolkit.program.convert import convert
from toolkit.program.fake_quantized import FakeQuantized
from toolkit.program.potentials import note_densities
from toolkit.program.quantizer import IntegerQuantizer, updates, weighted
from toolkit.program.whole_numbers import whole_numbers


def quantize_ptq(
    model: nn.Module | ExportedProgram,
    calibration: np.ndarray,
    *,
    weights: Literal["int8", "int4", "ternary"] = "int8",
    activations: Literal["int8", "int16"] = "int8",
    int8_layers: Collection[str] = (),
    integers: Mapping[str, torch.Tensor] | None = None,
) -> ExportedProgram:
    """Quantize a trained model by watching it run.

    Args:
        model: float32, one input; batch normalization is folded. Not changed.
        calibration: inputs like those of real use, samples first; every one runs once. A model that keeps states in
            buffers runs them in a row.
        weights: "int8" rounds the weights to 8 bits; "int4" to 4, each output channel with its own scale;
            "ternary" demands that they are ``scale * {-1, 0, 1}`` already, each channel (each layer, for linear
            layers with one scale) with its own scale, and keeps them exactly.
        activations: "int16" (symmetric, with int8 weights) where 8 bits are too coarse: slower, twice the memory. What
            has no int16 kernel is computed in float32.
        int8_layers: with "int4" and "ternary", the layers (``features.0``) whose weights are int8 all the same.
        integers: with "int8", the whole numbers in -127..127 that layers' weights are, by layer, but for a scale per
            output channel. The program holds exactly those, in 2 or 4 bits where they fit.

    Returns:
        A static program for one sample, float32 in and out, int8 between. Softmax comes out in steps of
        1/256.

    Raises:
        ToolkitError: no or not finite calibration data or weights; weights that should be ternary and are
            not; a model that cannot be exported.
    """
    if activations == "int16" and weights != "int8":
        raise ToolkitError(
            f"int16 activations go with int8 weights, not {weights}", fix="leave one of the two out"
        )
    data = samples(calibration)
    with quiet():
        ready = folded(model, data[:1]) if isinstance(model, nn.Module) else model
        graph = capture(ready, data[:1])
        names = weighted(graph)
        whole = whole_numbers(graph, names, integers or {})
        exact = _exact_ternary(graph, names, int8_layers) if weights == "ternary" else {}
        int4 = {name for name in names.values() if name.rpartition(".")[0] not in int8_layers}
        packed = int4 if weights == "int4" else ()
        quantizer = IntegerQuantizer(ternary=exact, int4=packed, whole=whole, activations=activations)
        with torch.no_grad(), _states_kept(graph):
            before = graph(data[:1])
        prepared = prepare_pt2e(graph, quantizer)
        with torch.no_grad(), _states_kept(prepared):
            _check_unchanged(before, prepared(data[:1]))
        with torch.no_grad(), _states_kept(prepared):
            for sample in data.split(1):
                prepared(sample)
    note_densities(prepared)
    held = {name: (weight, TERNARY_RANGE) for name, weight in exact.items()}
    held |= {name: (each.weight, WEIGHT_RANGES[each.stored]) for name, each in whole.items()}
    return convert(prepared, data[:1], names, held)


def prepare_qat(model: nn.Module, sample: np.ndarray) -> FakeQuantized:
    """Return a copy of a float model that trains with int8 rounding in its forward pass.

    Args:
        model: trained, float32; batch normalization is folded before. Not changed.
        sample: one input, first axis 1.

    Raises:
        ToolkitError: the model cannot be exported, or runs at one batch size only.
    """
    first = samples(sample)
    with quiet():
        graph = capture(folded(model, first), first, any_batch=True)
        names = weighted(graph)
        return FakeQuantized(prepare_qat_pt2e(graph, IntegerQuantizer(training=True)), first, names)


def convert_qat(trained: FakeQuantized) -> ExportedProgram:
    """Return what ``prepare_qat`` made, after its training, as a program like ``quantize_ptq``'s."""
    return convert(trained.graph_module, trained.sample, trained.names, {})


@contextmanager
def _states_kept(graph: fx.GraphModule) -> Iterator[None]:
    """Give the buffers that runs change their first content again."""
    names = updates(graph)
    first = {name: tensor.clone() for name, tensor in graph.named_buffers() if name in names}
    try:
        yield
    finally:
        with torch.no_grad():
            for name, tensor in graph.named_buffers():
                if name in first:
                    tensor.copy_(first[name])


def folded(model: nn.Module, sample: torch.Tensor) -> nn.Module:
    """Return a copy in evaluation mode with batch normalization folded where the model's code allows it.

    What is not folded here ``prepare_pt2e`` folds in the graph.
    """
    folded = copy.deepcopy(model).eval()
    try:
        if not fold_batchnorm(folded):
            return folded
        with torch.no_grad():
            before, after = copy.deepcopy(model).eval()(sample), folded(sample)
    except CannotFoldError:
        return copy.deepcopy(model).eval()
    _check_unchanged(before, after)
    return folded


def _check_unchanged(before: Any, after: Any) -> None:
    """Raise ``ToolkitError`` where PT2E folded a normalization several times, into a layer that runs several times."""
    pairs = zip(pytree.tree_leaves(before), pytree.tree_leaves(after), strict=True)
    for x, y in pairs:  # what is not finite, calibration names
        if bool(x.isfinite().all()) and not torch.allclose(x, y, rtol=1e-2, atol=1e-3 * float(x.abs().max())):
            raise _norm_error()


def _norm_error() -> ToolkitError:
    return ToolkitError(
        "folding batch normalization changes the model's output",
        fix="normalize the output channels of the layer before (BatchNorm1d after Linear: 2-d inputs), and put the two "
        "into one nn.Sequential",
    )


def _exact_ternary(
    graph: fx.GraphModule, names: dict[str, str], int8_layers: Collection[str]
) -> dict[str, torch.Tensor]:
    """Return the weights that must come out as they are, by name.

    Channels too weak to move any int8 output (``quantize.int8.VANISHING``) become zero in ``graph``.
    """
    exact: dict[str, torch.Tensor] = {}
    for name in dict.fromkeys(names.values()):
        owner, _, own_name = name.rpartition(".")
        if owner in int8_layers:
            continue
        module = graph.get_submodule(owner)
        exact[name] = getattr(module, own_name).detach().clone()
        check_ternary(exact[name], name)
        drop_weak_channels(exact[name], VANISHING)
        setattr(module, own_name, nn.Parameter(exact[name], requires_grad=False))
    return exact


def check_ternary(weight: torch.Tensor, name: str) -> None:
    """Raise ``ToolkitError`` for the weight ``name`` unless each of its channels holds 0 and one magnitude alone."""
    try:
        split(weight)
    except NotTernaryError as error:
        raise ToolkitError(
            f"the weights are not ternary: {error}",
            at=name,
            fix="train with ternary weights (method bitnet158), or leave this layer int8",
        ) from error
