"""Layers of int8 have scales of which no sum is a half, and runtimes then agree to the bit."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import torch
from torch import nn
from torch.export import ExportedProgram

from quantize.halves import LARGEST_DIVISOR
from toolkit.program.quantize import convert_qat, prepare_qat, quantize_ptq


def net() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(6, 6, 3, groups=6),
        nn.Flatten(),
        nn.Linear(6 * 36, 5),
    ).eval()


def samples() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(16, 2, 8, 8)).astype(np.float32)


def divisors(program: ExportedProgram) -> list[int]:
    """Return the divisors of every layer's ratios of scales, by the nodes that quantize around it."""
    found = []
    constants = {**program.state_dict, **program.constants}
    names = {**program.graph_signature.inputs_to_parameters, **program.graph_signature.inputs_to_buffers}
    for node in program.graph.nodes:
        if str(node.target) not in ("aten.conv2d.default", "aten.linear.default"):
            continue
        weight = node.args[1]
        scale = weight.args[1]
        scales = constants[names[scale.name]] if hasattr(scale, "name") else torch.tensor([scale])
        (after,) = node.users
        while "quantize" not in str(after.target):
            (after,) = after.users
        ratios = scales.double() * node.args[0].args[1] / after.args[1]
        for ratio in ratios:
            fraction = Fraction(float(ratio)).limit_denominator(LARGEST_DIVISOR)
            assert abs(float(fraction) - float(ratio)) < 2e-7 * float(
                ratio
            )  # the weight's scale is a float32
            found.append(fraction.denominator)
    return found


def test_every_ratio_of_scales_has_an_odd_divisor() -> None:
    found = divisors(quantize_ptq(net(), samples()))
    assert len(found) == 6 + 6 + 1
    assert all(divisor % 2 for divisor in found)


def test_so_after_training_with_rounding() -> None:
    trained = prepare_qat(net(), samples()[:1])
    trained(torch.from_numpy(samples()[:4]))
    assert all(divisor % 2 for divisor in divisors(convert_qat(trained)))
