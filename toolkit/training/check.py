"""A training step's program against the same rule run by eager torch."""

from __future__ import annotations

import copy

import torch
from torch import Tensor
from torch.export import ExportedProgram

from toolkit.errors import CHECK_FAILED, ToolkitError
from toolkit.lower.learning import OUTPUTS
from toolkit.training.rules import Step

STEPS = 2
RATE = 0.05
TOLERANCE = 1e-5
FLIPS = 1e-3  # share of integers that float32's rounding may turn the other way


def check(program: ExportedProgram, step: Step, sample: Tensor, logits: Tensor) -> None:
    """Run ``program`` and eager torch side by side for a few random samples.

    Raises:
        ToolkitError: a state moves otherwise than by eager autograd's gradients, or none moves at all.
    """
    module = copy.deepcopy(program).module(check_guards=False)  # it changes its own buffers
    constants = {name: tensor for name, tensor in program.state_dict.items() if name not in step.states} | {
        name: tensor for name, tensor in program.constants.items() if name not in step.states
    }
    states = {name: tensor.clone() for name, tensor in step.states.items()}
    generator = torch.Generator().manual_seed(0)
    for _ in range(STEPS):
        x = torch.randn(sample.shape, generator=generator) if sample.is_floating_point() else sample
        label = int(torch.randint(logits.shape[-1], (1,), generator=generator))
        target = torch.zeros_like(logits)
        target[..., label] = 1.0
        rate = torch.tensor([RATE])
        before = {name: tensor.clone() for name, tensor in states.items()}
        expected = step.learn({**constants, **states}, x, target, rate)
        states.update({name: tensor.detach() for name, tensor in expected[2].items()})
        found = module(x, target, rate)
        for name, one, other in zip(OUTPUTS, found, expected[:2], strict=True):
            _compare(name, one, other.detach(), None)
        for name in states:
            found_state = module.get_buffer(name)
            if states[name].dtype == torch.int8:
                _compare_rounded(name, found_state, states[name])
                states[name] = found_state.clone()  # the next step starts alike
            else:
                _compare(name, found_state, states[name], before[name])
    if all(torch.equal(states[name], tensor) for name, tensor in step.states.items()):
        raise ToolkitError(
            "the step changes nothing", fix="choose other layers, or another rule", exit_code=CHECK_FAILED
        )


def _compare(name: str, found: Tensor, expected: Tensor, before: Tensor | None) -> None:
    """Demand that ``found`` is ``expected``, its change to within rounding and ``TOLERANCE`` of the largest change."""
    error, size, rounding = deviation(found, expected, before)
    if not error <= TOLERANCE * size + rounding:
        raise ToolkitError(
            f"the traced step is off by {error:.3g} where eager torch changes by {size:.3g}",
            at=name,
            fix="report it with the model: this operator's gradient is wrong in the exported program",
            exit_code=CHECK_FAILED,
        )


def _compare_rounded(name: str, found: Tensor, expected: Tensor) -> None:
    """Demand that integers are the expected ones, but for a few that lay close to where rounding turns."""
    error = (found.int() - expected.int()).abs()
    if int(error.max()) > 1 or int(error.sum()) > max(1.0, FLIPS * error.numel()):
        raise ToolkitError(
            f"of {error.numel():,} integers of the traced step, {int((error > 0).sum()):,} are not eager torch's",
            at=name,
            fix="report it with the model: this operator's gradient is wrong in the exported program",
            exit_code=CHECK_FAILED,
        )


def deviation(found: Tensor, expected: Tensor, before: Tensor | None) -> tuple[float, float, float]:
    """Return how far ``found`` is from ``expected``, how large that is, and what float32's rounding explains.

    Args:
        found: a state after a step, or an output.
        expected: what it should be.
        before: the state before the step: how large its change is counts then. None for an output.
    """
    wanted = expected.double()
    size = float((wanted if before is None else wanted - before).abs().max())
    rounding = 4 * torch.finfo(torch.float32).eps * float(wanted.abs().max())
    return float((found.double() - wanted).abs().max()), size, rounding
