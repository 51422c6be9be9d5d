"""Quantize a model by one of the methods of the package ``quantize``, named by its slug."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from torch import Tensor, nn
from torch.export import ExportedProgram

import quantize
from quantize.method import MethodError, Training
from toolkit import models
from toolkit.data.windows import in_a_row
from toolkit.errors import ToolkitError
from toolkit.learn import TrainResult, TrainSettings, loop
from toolkit.learn.teacher import Teacher
from toolkit.program.capture import samples
from toolkit.program.fake_quantized import FakeQuantized
from toolkit.program.per_token import quantize_per_token
from toolkit.program.quantize import convert_qat, prepare_qat, quantize_ptq

if TYPE_CHECKING:
    from toolkit.data import Dataset
    from toolkit.learn.loop import Progress


def quantize_by(
    slug: str,
    model: nn.Module,
    dataset: Dataset,
    *,
    options: Any = None,
    settings: TrainSettings | None = None,
    rule: str = "backprop",
    rule_options: Any = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
    stream: bool = False,
) -> tuple[ExportedProgram, TrainResult | None]:
    """Quantize a trained model by the method ``slug``.

    Args:
        slug: one of ``quantize.slugs()``.
        model: float32, trained. Not changed.
        dataset: what to calibrate with and to train on.
        options: the method's ``Options``; its defaults when left out.
        settings: of training, but for what ``options`` says.
        rule: how a method that trains does, one of ``toolkit.learn.rules()``.
        rule_options: its ``Options``; its defaults when left out.
        checkpoint: as in ``toolkit.learn.rule.Rule.train``.
        progress: likewise.
        stream: make a program of the form that takes one element of a sequence a run (``toolkit.models.streaming``).

    Returns:
        A program for one sample, float32 in and out, and the curves of a method that trains.

    Raises:
        ToolkitError: the method, the training or the conversion failed, or the rule cannot train what the method makes
            of the model.
    """
    method = quantize.load(slug)
    flow = _Flow(
        model, dataset, settings or TrainSettings(), (rule, rule_options), checkpoint, progress, stream
    )
    try:
        program = method.quantize(model, flow, method.Options() if options is None else options)
    except MethodError as error:
        raise ToolkitError(f"{slug}: {error}", fix=error.fix) from error
    return program, flow.result


class _Flow:
    """Implements ``quantize.method.Flow`` with a dataset."""

    def __init__(
        self, model: nn.Module, dataset: Dataset, settings: TrainSettings, rule: tuple[str, Any],
        checkpoint: Path | None, progress: Progress | None, stream: bool,
    ) -> None:  # fmt: skip
        self.model, self.dataset, self.settings, self.rule = model, dataset, settings, rule
        self.checkpoint, self.progress, self.stream = checkpoint, progress, stream
        self.trainings = 0
        self.result: TrainResult | None = None  # of all trainings, one after the other

    def train(self, model: nn.Module, training: Training) -> None:
        settings = replace(self.settings, epochs=training.epochs, learning_rate=training.learning_rate)
        if training.schedule != "as-train":
            settings = replace(settings, schedule=training.schedule)
        teacher = None
        if training.distill:
            teacher = Teacher(copy.deepcopy(self.model).eval(), training.distill, training.temperature)
        before = self.result.epochs if self.result else []
        checkpoint = self.checkpoint
        if checkpoint is not None and self.trainings:  # each training goes on from its own
            checkpoint = checkpoint.with_name(f"{checkpoint.stem}-{self.trainings}{checkpoint.suffix}")
        self.trainings += 1
        result = loop.train(
            model,
            self.dataset,
            settings=settings,
            rule=self.rule[0],
            options=self.rule[1],
            checkpoint=checkpoint,
            progress=self.progress,
            teacher=teacher,
        )
        epochs = [replace(epoch, epoch=len(before) + epoch.epoch) for epoch in result.epochs]
        self.result = TrainResult(settings, [*before, *epochs])

    def with_rounding(self, model: nn.Module) -> nn.Module:
        return prepare_qat(model, self.dataset.x_train[:1])

    def program(
        self,
        model: nn.Module,
        *,
        calibration: int = 512,
        weights: Literal["int8", "int4", "ternary"] = "int8",
        int8_layers: Collection[str] = (),
        integers: Mapping[str, Tensor] | None = None,
        activation_scale: Literal["tensor", "token"] = "tensor",
    ) -> ExportedProgram:
        if isinstance(model, FakeQuantized):
            if self.stream:
                raise MethodError(
                    "its rounding is of whole sequences", fix="use int8-ptq, or leave stream out"
                )
            return convert_qat(model)
        inputs = self.dataset.x_train[:calibration]
        if self.stream:
            model, inputs = models.streaming(model), in_a_row(self.dataset).x_train[:calibration]
        if activation_scale == "token":
            if weights == "int4" or integers is not None:
                raise ValueError("activations per token go with int8 and ternary weights")
            return quantize_per_token(model, samples(inputs[:1]), weights=weights, int8_layers=int8_layers)
        return quantize_ptq(model, inputs, weights=weights, int8_layers=int8_layers, integers=integers)
