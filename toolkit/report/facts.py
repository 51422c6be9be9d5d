"""What the report shows: plain facts, collected elsewhere, drawn by ``toolkit.report.page``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from toolkit.measure.figure import Kind


@dataclass(frozen=True)
class Figure:
    """One number with how it came about: ``kind`` is never left out.

    ``text`` is ready to read, unit included. ``source`` says what was counted, or where the constants of an
    estimate are published.
    """

    label: str
    text: str
    kind: Kind
    source: str = ""


@dataclass(frozen=True)
class Accuracy:
    """How often one form of the model is right on the test set."""

    label: str  # "float", "quantized", "on the device"
    fraction: float
    samples: int
    note: str = ""


@dataclass(frozen=True)
class Loss:
    """How far one form of an autoencoder is from its input on the test set: the mean squared error."""

    label: str
    value: float
    samples: int
    note: str = ""


@dataclass(frozen=True)
class Confusion:
    """Counts by (true class, predicted class) and where they were taken."""

    classes: list[str]
    counts: list[list[int]]
    note: str = ""

    @property
    def digits(self) -> int:
        """How many digits the largest count has."""
        return len(str(max((max(row, default=0) for row in self.counts), default=0)))


@dataclass(frozen=True)
class Layer:
    """One layer as it runs on the device."""

    name: str
    op: str
    weight_type: str
    shape: str
    macs: int
    instructions: int | None
    weight_bytes: int


@dataclass(frozen=True)
class Buffer:
    """A stretch of the arena, used from column ``first`` to column ``last``, both included."""

    name: str
    offset: int
    bytes: int
    first: int
    last: int
    kind: Literal["activation", "scratch", "state"]


@dataclass(frozen=True)
class Arena:
    """The memory plan over time. ``columns`` has (short label, meaning) for each moment, in order."""

    arena_bytes: int
    lower_bound_bytes: int
    optimal: bool
    columns: list[tuple[str, str]]
    buffers: list[Buffer]


@dataclass(frozen=True)
class Budget:
    """How much of one memory is used, by part, and how much the target has."""

    label: str
    parts: list[tuple[str, int]]
    limit_bytes: int | None

    @property
    def used_bytes(self) -> int:
        """Sum of the parts."""
        return sum(size for _, size in self.parts)


@dataclass(frozen=True)
class Training:
    """What a training step on the device keeps, and what is alive at one time in each half of it, in bytes.

    ``how`` says the rule, and what else was set.
    """

    how: str
    states_bytes: int
    answering_bytes: int
    learning_bytes: int


@dataclass(frozen=True)
class Curve:
    """One training run: an entry per epoch. ``accuracy`` is empty when there are no labels."""

    title: str
    train_loss: list[float]
    test_loss: list[float]
    accuracy: list[float]


@dataclass(frozen=True)
class Check:
    """One comparison of the verification: what with what, on how many samples, and its first difference."""

    label: str
    samples: int
    ok: bool
    difference: str = ""


@dataclass(frozen=True)
class Facts:
    """Everything on the page. Whatever was not made is empty and its section says so or is left out."""

    name: str
    target: str
    target_description: str
    summary: list[tuple[str, str]] = field(default_factory=list)  # dataset, model, method, ...
    headline: list[Figure] = field(default_factory=list)
    accuracy: list[Accuracy] = field(default_factory=list)
    loss: list[Loss] = field(default_factory=list)
    confusion: Confusion | None = None
    layers: list[Layer] = field(default_factory=list)
    arena: Arena | None = None
    budgets: list[Budget] = field(default_factory=list)
    training: Training | None = None
    cost: list[Figure] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what could not be counted or estimated, and why
    commands: list[str] = field(default_factory=list)
    versions: list[tuple[str, str]] = field(default_factory=list)
    settings: str = ""  # the text of toolkit.toml
    made: str = ""  # date and time, UTC

    @property
    def verified(self) -> bool:
        """True when there were comparisons and all were equal."""
        return bool(self.checks) and all(check.ok for check in self.checks)

    @property
    def total_macs(self) -> int:
        """Multiply-accumulates of all layers."""
        return sum(layer.macs for layer in self.layers)

    @property
    def total_instructions(self) -> int:
        """Instructions of all layers; what runs between them is not in it."""
        return sum(layer.instructions or 0 for layer in self.layers)

    @property
    def total_weight_bytes(self) -> int:
        """Weight bytes of all layers, as packed."""
        return sum(layer.weight_bytes for layer in self.layers)
