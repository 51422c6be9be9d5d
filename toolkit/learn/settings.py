"""What a training run is asked to do, and what it reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from toolkit.errors import ToolkitError


@dataclass(frozen=True)
class TrainSettings:
    """Everything a training run depends on besides model and data.

    The same settings give the same weights on the same machine with the same number of threads.

    Args:
        epochs: passes over the training data.
        batch_size: samples per step; the last, smaller batch of an epoch counts too.
        learning_rate: its peak.
        schedule: "cosine" rises linearly over ``warmup`` and falls along half a cosine; "one-cycle" rises and
            falls along half cosines, from a twenty-fifth of the peak to nearly zero (Smith and Topin 2017);
            "two-phase" rises linearly, falls linearly to two thirds, drops to half of that in the middle of training,
            where ``weight_decay`` ends, and falls linearly to zero (BitNet b1.58's training tips, 2024).
        warmup: fraction of all steps in which the learning rate rises.
        weight_decay: AdamW's, decoupled; biases and normalization are left out.
        label_smoothing: share of each label spread over all classes.
        loss: "cross-entropy" on labels, or "mse" against the input itself (autoencoders).
        shift_pixels: each training image moves by up to so many pixels, both ways, zeros coming in.
        flip: mirror every second training image, by chance.
        clip_norm: largest norm of the gradient; 0 leaves it alone.
        precision: of the products in training; "bfloat16" keeps float32 weights and sums, and takes half the time on
            processors that have it.
        seed: of the order of samples, augmentation and dropout.
    """

    epochs: int = 20
    batch_size: int = 64
    learning_rate: float = 3e-3
    schedule: Literal["cosine", "one-cycle", "two-phase"] = "cosine"
    warmup: float = 0.1
    weight_decay: float = 1e-4
    label_smoothing: float = 0.0
    loss: Literal["cross-entropy", "mse"] = "cross-entropy"
    shift_pixels: int = 0
    flip: bool = False
    clip_norm: float = 0.0
    precision: Literal["float32", "bfloat16"] = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value, good in (
            ("epochs", self.epochs, self.epochs >= 1),
            ("batch_size", self.batch_size, self.batch_size >= 1),
            ("learning_rate", self.learning_rate, self.learning_rate > 0),
            ("schedule", self.schedule, self.schedule in ("cosine", "one-cycle", "two-phase")),
            ("warmup", self.warmup, 0 <= self.warmup < 1),
            ("weight_decay", self.weight_decay, self.weight_decay >= 0),
            ("label_smoothing", self.label_smoothing, 0 <= self.label_smoothing < 1),
            ("loss", self.loss, self.loss in ("cross-entropy", "mse")),
            ("shift_pixels", self.shift_pixels, self.shift_pixels >= 0),
            ("clip_norm", self.clip_norm, self.clip_norm >= 0),
            ("precision", self.precision, self.precision in ("float32", "bfloat16")),
        ):
            if not good:
                raise ToolkitError(
                    f"{name} = {value!r} is not a usable training setting", fix=f"correct {name}"
                )


@dataclass(frozen=True)
class Epoch:
    """One epoch's line in the training curves.

    Args:
        epoch: counted from 1.
        train_loss: mean over the epoch's samples, as trained (augmented, smoothed).
        test_loss: mean over the test set, plain.
        test_accuracy: fraction, or None for an autoencoder.
        seconds: wall-clock, evaluation included.
    """

    epoch: int
    train_loss: float
    test_loss: float
    test_accuracy: float | None
    seconds: float


@dataclass(frozen=True)
class TrainResult:
    """What a training run reports."""

    settings: TrainSettings
    epochs: list[Epoch] = field(default_factory=list)

    @property
    def test_accuracy(self) -> float | None:
        """The last epoch's test accuracy, a fraction."""
        return self.epochs[-1].test_accuracy

    @property
    def seconds(self) -> float:
        """Wall-clock time of all epochs."""
        return sum(epoch.seconds for epoch in self.epochs)
