"""From a model and a rule to one training step as an exported program."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx, nn
from torch._decomp import get_decompositions
from torch.export import ExportedProgram
from torch.fx.experimental.proxy_tensor import make_fx

from quantize.quiet import quiet
from toolkit.errors import ToolkitError
from toolkit.strict import fill
from toolkit.training import methods, rules
from toolkit.training.check import check
from toolkit.training.choose import chosen_weights
from toolkit.training.forward import Forward
from toolkit.training.kept import keep
from toolkit.training.rules import Step
from toolkit.training.settings import StepSettings
from toolkit.training.tidy import reshape_views, tidy

_aten = torch.ops.aten
# gradients that exported programs cannot write out in simpler operators later, and those of nearly every step, which
# each lowering would write out anew
_WRITTEN_OUT: Any = get_decompositions(
    [
        _aten.silu_backward.default,
        _aten.mish_backward.default,
        _aten._log_softmax_backward_data.default,
        _aten._softmax_backward_data.default,
    ]
)


def training_step(
    model: nn.Module | ExportedProgram, sample: Tensor, settings: StepSettings | None = None
) -> ExportedProgram:
    """Return a program that learns from one sample each time it runs.

    It takes a sample, a target of the logits' shape (one-hot for labels) and a learning rate (1,), gives the logits
    before the change and the loss (1,), and keeps what it learns in buffers, which are all that a device must save.
    At rate 0 it only answers (and counts samples, where the optimizer keeps means). Of a quantized program the forward
    pass stays in integers; trained weights are kept in float32 and rounded at each step.

    Args:
        model: float32 in and out, one tensor each; an exported program may hold quantize and dequantize nodes.
        sample: one input, first axis 1.
        settings: the rule and its options.

    Raises:
        ToolkitError: no such rule, method or layer, nothing to change, a layer that the rule cannot train, or
            gradients that are not those of eager torch.
    """
    settings = settings or StepSettings()
    with quiet():
        forward = forward_of(model, sample, settings)
        logits = forward.run(sample, {})
        if logits.dim() < 2 or logits.shape[0] != 1:
            raise ToolkitError(
                f"the model gives a tensor of shape {list(logits.shape)}, not logits (1, ..., classes)",
                fix="wrap the model so that it returns them",
            )
        step = made_step(forward, settings, logits.shape[-1])
        program = step_program(step, forward, torch.zeros_like(logits))
        check(program, step, sample, logits)
    return program


def forward_of(model: nn.Module | ExportedProgram, sample: Tensor, settings: StepSettings) -> Forward:
    """Return ``model`` as the method of ``settings`` needs it.

    Raises:
        ToolkitError: there is no such method; the model cannot be captured or holds nothing to train.
    """
    keeps = bool(settings.method) and getattr(methods.find(settings.method), "KEEPS_NORMS", False)
    return Forward(model, sample, keep_norms=keeps)


def made_step(forward: Forward, settings: StepSettings, classes: int) -> Step:
    """Return the rule and the method of ``settings`` made ready for a model that gives ``classes`` logits.

    Raises:
        ToolkitError: as of ``training_step``.
    """
    rule, chosen = rules.find(settings.rule), chosen_weights(forward, settings)
    takes_gradients = getattr(rule, "GRADIENTS", True)
    asked = [
        name for name in ("channels", "weights") if getattr(settings, name) != getattr(StepSettings(), name)
    ]
    if asked and not takes_gradients:
        raise ToolkitError(
            f"{settings.rule} takes no gradients and keeps its own states, so {asked[0]} would change nothing",
            at=asked[0],
            fix="use rule backprop, or leave it out",
        )
    if asked and settings.method:
        raise ToolkitError(
            f"{settings.method} changes how whole layers run and what is kept of them",
            at=asked[0],
            fix="leave out one of the two",
        )
    forward.kept = {} if not takes_gradients else keep(forward, chosen, settings)
    forward.method = None
    if not settings.method:
        return rule.make(forward, chosen, settings, classes)
    method = methods.find(settings.method)
    if not takes_gradients:
        raise ToolkitError(
            f"{settings.rule} takes no gradients, so {settings.method} would change nothing",
            at="method",
            fix="use rule backprop, or no method",
        )
    options = fill(method.Options, dict(settings.options), f"options of {settings.method}")
    forward.method = method.make(forward, chosen, options, settings.seed)
    step = methods.WithMethod(rule.make(forward, chosen, settings, classes), forward.method)
    return methods.stored(method, step, forward.method)


def step_program(step: Step, forward: Forward, target: Tensor) -> ExportedProgram:
    """Return ``step`` as a program, not checked yet, for targets like ``target``."""
    sample = forward.sample
    constants = {name: tensor for name, tensor in forward.constants().items() if name not in step.states}
    tensors = {**step.states, **constants}
    names = list(tensors)
    changed: list[str] = []

    def flat(values: list[Tensor], sample: Tensor, target: Tensor, rate: Tensor) -> list[Tensor]:
        logits, error, new = step.learn(dict(zip(names, values, strict=True)), sample, target, rate)
        changed[:] = list(new)
        return [logits.detach(), error.detach(), *(value.detach() for value in new.values())]

    traced = make_fx(flat, decomposition_table=_WRITTEN_OUT)(
        list(tensors.values()), sample, target, torch.zeros(1)
    )
    tidy(traced)
    module = _StepModule(traced, tensors, changed)
    program = torch.export.export(module, (sample, target, torch.zeros(1))).run_decompositions({})
    # what is quantized lies in memory otherwise than torch's exporter believes: a view of it may not be possible
    reshape_views(program.graph_module)
    return program


class _StepModule(nn.Module):
    """Runs a traced step on buffers."""

    def __init__(self, traced: fx.GraphModule, tensors: dict[str, Tensor], changed: list[str]) -> None:
        super().__init__()
        self.traced, self.names, self.changed = traced, list(tensors), changed
        for name, tensor in tensors.items():
            owner, _, last = name.rpartition(".")
            _submodule(self, owner).register_buffer(last, tensor.detach().clone())

    def forward(self, sample: Tensor, target: Tensor, rate: Tensor) -> tuple[Tensor, Tensor]:
        buffers = [self.get_buffer(name) for name in self.names]
        logits, error, *new = self.traced(buffers, sample, target, rate)
        for name, value in zip(self.changed, new, strict=True):
            self.get_buffer(name).copy_(value)
        return logits, error


def _submodule(root: nn.Module, path: str) -> nn.Module:
    """Return the module at ``path``, made of empty ones where there is none."""
    module: Any = root
    for part in path.split(".") if path else ():
        if not hasattr(module, part):
            module.add_module(part, nn.Module())
        module = getattr(module, part)
    return module  # type: ignore[no-any-return]
