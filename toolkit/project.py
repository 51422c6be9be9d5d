"""``toolkit.toml``: the settings of one project, read strictly and written with comments."""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from toolkit import atomic
from toolkit.device import toml
from toolkit.errors import ToolkitError
from toolkit.learn.settings import TrainSettings

FILE = "toolkit.toml"
_RECIPES = Path(__file__).resolve().parent / "recipes"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_TYPE_NAMES = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "a table",
}


def _between(low: float, high: float, default: Any) -> Any:
    """A dataclass field for a number from ``low`` to ``high``, both included."""
    return field(default=default, metadata={"range": (low, high)})


@dataclass(frozen=True)
class Data:
    """``[data]``: what to learn from. ``limit`` takes only the first samples of each split; 0 takes all."""

    dataset: str = "digits"
    limit: int = _between(0, 10_000_000, 0)


@dataclass(frozen=True)
class Model:
    """``[model]``: the network, by family and size preset; ``options`` go to the family as they are."""

    family: str = "cnn"
    preset: str = "digits"
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Train(TrainSettings):
    """``[train]``: how the float model learns; see ``TrainSettings``. ``threads`` 0 leaves their number to torch."""

    rule: str = "backprop"
    threads: int = _between(0, 1024, 0)

    def settings(self) -> TrainSettings:
        """Return what the training rule is given."""
        return TrainSettings(**{item.name: getattr(self, item.name) for item in fields(TrainSettings)})


@dataclass(frozen=True)
class Quantize:
    """``[quantize]``: how weights and activations become integers.

    ``epochs`` and ``learning_rate`` are for the methods that train on (``bitnet158``, ``int8-qat``); the
    other settings of ``[train]`` hold there too. ``scale``, ``per_channel`` and ``keep_*`` are those of
    ``quantize.lowbit.bitnet158.Options``, ``calibration`` is the number of training samples for ``int8-ptq``.
    """

    method: Literal["bitnet158", "int8-ptq", "int8-qat", "float"] = "bitnet158"
    epochs: int = _between(1, 100_000, 20)
    learning_rate: float = _between(1e-9, 10.0, 1e-3)
    calibration: int = _between(1, 1_000_000, 512)
    scale: Literal["mean", "median"] = "mean"
    per_channel: bool = False
    keep_first: bool = False
    keep_last: bool = False


@dataclass(frozen=True)
class Export:
    """``[export]``: the device, what to compile for, and how many golden samples the bundle carries.

    ``tune`` counts kernels on the emulated core; ``max_flash`` and ``max_ram`` are bytes of the image, 0 for no limit.
    """

    target: str = "stm32f4-discovery"
    optimize: Literal["speed", "size", "ram"] = "speed"
    tune: bool = False
    max_flash: int = _between(0, 1 << 31, 0)
    max_ram: int = _between(0, 1 << 31, 0)
    golden: int = _between(1, 4096, 16)


@dataclass(frozen=True)
class Device:
    """``[device]``: how much of the test set runs on the emulated core; the rest runs in C on the host."""

    samples: int = _between(1, 10_000_000, 1000)
    fresh: int = _between(0, 1_000_000, 64)
    timeout_s: float = _between(1.0, 86_400.0, 600.0)


@dataclass(frozen=True)
class Project:
    """The settings of one project and the folder they belong to."""

    root: Path
    name: str = "model"
    data: Data = field(default_factory=Data)
    model: Model = field(default_factory=Model)
    train: Train = field(default_factory=Train)
    quantize: Quantize = field(default_factory=Quantize)
    export: Export = field(default_factory=Export)
    device: Device = field(default_factory=Device)

    @property
    def build(self) -> Path:
        """The folder of everything that ``toolkit make`` writes."""
        return self.root / "build"


_SECTIONS: dict[str, type] = {
    "data": Data,
    "model": Model,
    "train": Train,
    "quantize": Quantize,
    "export": Export,
    "device": Device,
}


def load(path: Path) -> Project:
    """Read the ``toolkit.toml`` at ``path`` or in the folder ``path``.

    Raises:
        ToolkitError: there is no such file, it is not TOML, or a section, key, type or value is wrong; the
            error names file, section and key.
    """
    file = path if path.is_file() else path / FILE
    if not file.exists():
        raise ToolkitError(f"there is no {file}", fix="start a project: toolkit init")
    document = toml.read(file)
    _known(document, ["project", *_SECTIONS], "section", f"{file}")
    about = _table(document, "project", file)
    _known(about, ["name"], "setting", f"{file}, [project]")
    name = about.get("name", "model")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise _wrong("name", name, "a word of letters, digits, - and _", f"{file}, [project]")
    sections = {
        key: _section(kind, _table(document, key, file), f"{file}, [{key}]")
        for key, kind in _SECTIONS.items()
    }
    return Project(root=file.parent, name=name, **sections)


def recipes() -> dict[str, str]:
    """Return every recipe's name with what it is: the first comment line of its file."""
    found = {}
    for file in sorted(_RECIPES.glob("*.toml")):
        found[file.stem] = file.read_text(encoding="utf-8").splitlines()[0].lstrip("# ").rstrip(".")
    return found


def init(folder: Path, recipe: str) -> Path:
    """Write ``recipe`` as ``folder/toolkit.toml`` and return its path. Nothing is ever overwritten.

    Raises:
        ToolkitError: the file is there already, or no recipe has that name.
    """
    known = recipes()
    if recipe not in known:
        near = difflib.get_close_matches(recipe, known, n=1)
        raise ToolkitError(
            f"no recipe is called {recipe!r}",
            fix=f"did you mean {near[0]}?" if near else f"use {' or '.join(known)}",
        )
    file = folder / FILE
    if file.exists() or file.is_symlink():
        raise ToolkitError(
            f"{file} is there already", fix="edit it, or name another folder: toolkit init DIR"
        )
    if folder.exists() and not folder.is_dir():
        raise ToolkitError(f"{folder} is a file", fix="name a folder: toolkit init DIR")
    atomic.write_text(file, (_RECIPES / f"{recipe}.toml").read_text(encoding="utf-8"))
    return file


def _table(document: dict[str, Any], section: str, file: Path) -> dict[str, Any]:
    table = document.get(section, {})
    if not isinstance(table, dict):
        raise ToolkitError(f"{section} is not a section", at=str(file), fix=f"write it as [{section}]")
    return table


def _known(table: dict[str, Any], names: list[str], what: str, at: str) -> None:
    """Refuse the first key of ``table`` that is not in ``names``."""
    for key in table:
        if key not in names:
            near = difflib.get_close_matches(key, names, n=1)
            fix = f"did you mean {near[0]}?" if near else f"use one of: {', '.join(names)}"
            raise ToolkitError(f"no {what} is called {key!r}", at=at, fix=fix)


def _section(kind: type, table: dict[str, Any], at: str) -> Any:
    """Return the dataclass ``kind`` filled from ``table``, every value checked."""
    known = {item.name: item for item in fields(kind)}
    _known(table, list(known), "setting", at)
    types = get_type_hints(kind)
    values = {key: _value(key, value, types[key], known[key], at) for key, value in table.items()}
    try:
        return kind(**values)
    except ToolkitError as error:  # TrainSettings knows its own limits
        raise ToolkitError(error.what, at=at, fix=error.fix) from None


def _value(key: str, value: Any, kind: Any, item: Field[Any], at: str) -> Any:
    if get_origin(kind) is Literal:
        choices = get_args(kind)
        if value not in choices:
            near = difflib.get_close_matches(str(value), choices, n=1)
            raise _wrong(
                key, value, f"one of {', '.join(choices)}{f' (did you mean {near[0]}?)' if near else ''}", at
            )
        return value
    kind = get_origin(kind) or kind
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise _wrong(key, value, _TYPE_NAMES[kind], at)
    if kind is float and not math.isfinite(value):
        raise _wrong(key, value, "a finite number", at)
    low, high = item.metadata.get("range", (-math.inf, math.inf))
    if kind in (int, float) and not low <= value <= high:
        raise _wrong(key, value, f"from {low:,} to {high:,}", at)
    return value


def _wrong(key: str, value: Any, expected: str, at: str) -> ToolkitError:
    shown = repr(value) if len(repr(value)) <= 60 else repr(value)[:57] + "..."
    return ToolkitError(f"{key} = {shown} cannot be", at=f"{at} {key}", fix=f"it is {expected}")
