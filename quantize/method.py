"""What a method says of itself, what it is given, and how it is found."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.export import ExportedProgram

Kind = Literal[
    "learn", "lowbit", "ptq", "qat", "sparse", "lowrank", "distill", "kernels", "device", "spiking"
]


@dataclass(frozen=True)
class Method:
    """One published method.

    Args:
        slug: its name in ``toolkit.toml``; the module is called the same with underscores.
        title: what it is, in a few words.
        paper: title, authors and year or arXiv number of the source.
        kind: the family it belongs to; one of this package lies in the folder of that name.
        cost: what it costs to use, in words (training time, memory, accuracy).
    """

    slug: str
    title: str
    paper: str
    kind: Kind
    cost: str


class MethodError(ValueError):
    """A method cannot do what it was asked to; ``fix`` says what would help."""

    def __init__(self, what: str, fix: str = "") -> None:
        super().__init__(what)
        self.fix = fix


def between(low: float, high: float, default: Any) -> Any:
    """Return a dataclass field for a number from ``low`` to ``high``, both included."""
    return field(default=default, metadata={"range": (low, high)})


@dataclass(frozen=True)
class Training:
    """The options of every method that trains on; what else ``[train]`` sets holds there too.

    ``schedule`` "as-train" is that of ``[train]``. ``distill`` is the share of the loss that the float model's answers
    make up, compared at ``temperature``.
    """

    epochs: int = between(1, 100_000, 20)
    learning_rate: float = between(1e-9, 10.0, 1e-3)
    schedule: Literal["as-train", "cosine", "one-cycle", "two-phase"] = "as-train"
    distill: float = between(0.0, 1.0, 0.0)
    temperature: float = between(0.01, 100.0, 2.0)


class Flow(Protocol):
    """What a method may ask of the toolkit: to train, and to turn a model into a program of integers."""

    def train(self, model: nn.Module, training: Training) -> None:
        """Train ``model`` on in place; afterwards it is in evaluation mode.

        With ``training.distill`` it learns from the float model that the method was given, too.
        """
        ...

    def with_rounding(self, model: nn.Module) -> nn.Module:
        """Return a copy of ``model`` that trains with int8 rounding, to go through ``train`` and ``program``."""
        ...

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
        """Return ``model`` as a program of integers.

        Args:
            model: float, or what ``with_rounding`` returned, which brings its own ranges.
            calibration: how many training samples set the activations' ranges.
            weights: "ternary" demands that they are ``scale * {-1, 0, 1}`` already and keeps them exactly.
            int8_layers: layers (``features.0``) whose weights are int8 all the same.
            integers: whole numbers in -127..127 that layers' weights are, by layer, but for a scale per channel; kept
                exactly, in 2 or 4 bits where they fit.
            activation_scale: what has one scale: "tensor", from calibration, or "token", each row of a linear layer's
                input, found at run time; all but those layers is float32 then.
        """
        ...


class QuantizeMethod(Protocol):
    """A module in a folder of this package."""

    METHOD: Method
    # A frozen dataclass, all fields with defaults: its fields are the settings of ``[quantize]`` in toolkit.toml.
    Options: type[Any]

    def quantize(self, model: nn.Module, flow: Flow, options: Any) -> ExportedProgram:
        """Return the trained float ``model``, which is not changed, as a program of integers.

        Raises:
            MethodError: it cannot be done; the message is for the person.
        """
        ...


def find(package: ModuleType) -> dict[str, str]:
    """Return the methods in the folders of ``package``: slug -> module. None of them is imported.

    Every module of a folder is a method, but for those whose name begins with an underscore.

    Raises:
        ValueError: two folders have the same method.
    """
    found: dict[str, str] = {}
    for folder in pkgutil.iter_modules(package.__path__):
        if not folder.ispkg:
            continue
        places = [str(Path(place) / folder.name) for place in package.__path__]
        for module in pkgutil.iter_modules(places):
            slug = module.name.replace("_", "-")
            if module.name.startswith("_"):
                continue
            if slug in found:
                raise ValueError(
                    f"{package.__name__}.{folder.name}.{module.name} repeats the method {slug!r}"
                )
            found[slug] = f"{package.__name__}.{folder.name}.{module.name}"
    return found


def carried(package: str, path: Iterable[str]) -> dict[str, Any]:
    """Import the modules of ``package``, which lies at ``path``, and return those that carry ``METHOD``, by slug."""
    names = [f"{package}.{entry.name}" for entry in pkgutil.iter_modules(path)]
    modules: list[Any] = [importlib.import_module(name) for name in names]
    return {module.METHOD.slug: module for module in modules if hasattr(module, "METHOD")}


def load(module: str) -> QuantizeMethod:
    """Import one of the modules that ``find`` returns."""
    method: Any = importlib.import_module(module)
    return method
