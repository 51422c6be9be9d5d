"""``toolkit.toml``: the settings of one project, read strictly and written with comments."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import quantize as methods
from quantize.method import between
from toolkit import atomic, learn, strict
from toolkit.device import toml
from toolkit.errors import ToolkitError, suggestion
from toolkit.learn.settings import TrainSettings

FILE = "toolkit.toml"
_RECIPES = Path(__file__).resolve().parent / "recipes"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
FLOAT = "float"  # in place of a method: nothing is quantized
DEFAULT_METHOD = "bitnet158"


@dataclass(frozen=True)
class Data:
    """``[data]``: what to learn from. ``limit`` takes only the first samples of each split; 0 takes all.

    ``task`` asks something else of the dataset than its labels (``toolkit.data.task_names``); those of texts cut it
    into pieces of ``window`` characters.
    """

    dataset: str = "digits"
    limit: int = between(0, 10_000_000, 0)
    task: str = ""
    window: int = between(1, 65_536, 64)


@dataclass(frozen=True)
class Model:
    """``[model]``: the network, by family and size preset; ``options`` go to the family as they are.

    ``stream`` deploys its form that takes one element of a sequence a run (a decoder: one character).
    """

    family: str = "cnn"
    preset: str = "digits"
    options: dict[str, Any] = field(default_factory=dict)
    stream: bool = False


@dataclass(frozen=True)
class Train(TrainSettings):
    """``[train]``: how the float model learns; see ``TrainSettings``.

    Args:
        rule: one of ``toolkit.learn.rules()``.
        threads: how many torch may use; 0 leaves it alone.
        options: the rule's ``Options``; its fields are further settings of this section.
    """

    rule: str = "backprop"
    threads: int = between(0, 1024, 0)
    options: Any = None

    def settings(self) -> TrainSettings:
        """Return what the training rule is given."""
        return TrainSettings(**{item.name: getattr(self, item.name) for item in fields(TrainSettings)})


@dataclass(frozen=True)
class Quantize:
    """``[quantize]``: how weights and activations become integers.

    Args:
        method: one of ``quantize.slugs()``, or ``float`` for none.
        options: the method's ``Options``; its fields are further settings of this section.
    """

    method: str
    options: Any


@dataclass(frozen=True)
class _NoOptions:
    """The options of ``float``."""


def options_type(method: str) -> type[Any]:
    """Return the dataclass of a method's settings."""
    return _NoOptions if method == FLOAT else methods.load(method).Options


def with_method(settings: Project, method: str) -> Project:
    """Return the project with ``method``, and its options' defaults where it was another's.

    Raises:
        ToolkitError: there is no such method.
    """
    known = (*methods.slugs(), FLOAT)
    if method not in known:
        raise ToolkitError(f"no method is called {method!r}", fix=suggestion(method, known))
    if settings.quantize.method == method:
        return settings
    return replace(settings, quantize=Quantize(method, options_type(method)()))


@dataclass(frozen=True)
class Export:
    """``[export]``: the device, what to compile for, and how many golden samples the bundle carries.

    ``tune`` counts kernels on the emulated core; ``max_flash`` and ``max_ram`` are bytes of the image, 0 for no limit.
    ``prompt_block`` lets a model that streams take so many elements at once as well; 0 leaves that out.
    """

    target: str = "stm32f4-discovery"
    optimize: Literal["speed", "size", "ram"] = "speed"
    tune: bool = False
    max_flash: int = between(0, 1 << 31, 0)
    max_ram: int = between(0, 1 << 31, 0)
    prompt_block: int = between(0, 1024, 0)
    golden: int = between(1, 4096, 16)


@dataclass(frozen=True)
class Device:
    """``[device]``: how much of the test set runs on the emulated core; the rest runs in C on the host."""

    samples: int = between(1, 10_000_000, 1000)
    fresh: int = between(0, 1_000_000, 64)
    timeout_s: float = between(1.0, 86_400.0, 600.0)


@dataclass(frozen=True)
class Project:
    """The settings of one project and the folder they belong to."""

    root: Path
    name: str
    data: Data
    model: Model
    train: Train
    quantize: Quantize
    export: Export
    device: Device

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
    strict.check_keys(document, ["project", *_SECTIONS], "section", f"{file}")
    about = _table(document, "project", file)
    strict.check_keys(about, ["name"], "setting", f"{file}, [project]")
    name = about.get("name", "model")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise strict.wrong("name", name, "a word of letters, digits, - and _", f"{file}, [project]")
    sections: dict[str, Any] = {}
    readers: dict[type, Any] = {Quantize: _quantize, Train: _train}
    for key, kind in _SECTIONS.items():
        table, at = _table(document, key, file), f"{file}, [{key}]"
        sections[key] = readers.get(kind, partial(strict.fill, kind))(table, at)
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
        raise ToolkitError(f"no recipe is called {recipe!r}", fix=suggestion(recipe, known))
    file = folder / FILE
    if file.exists() or file.is_symlink():
        raise ToolkitError(
            f"{file} is there already", fix="edit it, or name another folder: toolkit init DIR"
        )
    if folder.exists() and not folder.is_dir():
        raise ToolkitError(f"{folder} is a file", fix="name a folder: toolkit init DIR")
    atomic.write_text(file, (_RECIPES / f"{recipe}.toml").read_text(encoding="utf-8"))
    return file


def _quantize(table: dict[str, Any], at: str) -> Quantize:
    """Read ``[quantize]``: the method, and the settings that this method has."""
    settings = dict(table)
    method = settings.pop("method", DEFAULT_METHOD)
    strict.check_choice("method", method, (*methods.slugs(), FLOAT), at)
    own = options_type(method)
    if foreign := settings.keys() - _names(own):
        _refuse_others(method, foreign, {slug: options_type(slug) for slug in methods.slugs()}, at)
    return Quantize(method, strict.fill(own, settings, at))


def _train(table: dict[str, Any], at: str) -> Train:
    """Read ``[train]``: the settings of every rule, and those that its rule has."""
    slug = table.get("rule", "backprop")
    strict.check_choice("rule", slug, sorted(learn.rules()), at)
    common = _names(Train) - {"options"}
    own = learn.find(slug).Options
    if foreign := table.keys() - common - _names(own):
        _refuse_others(slug, foreign, {name: rule.Options for name, rule in learn.rules().items()}, at)
    strict.check_keys(table, common | _names(own), "setting", at)
    options = strict.fill(own, {key: value for key, value in table.items() if key not in common}, at)
    settings: Train = strict.fill(Train, {key: value for key, value in table.items() if key in common}, at)
    return replace(settings, options=options)


def _refuse_others(chosen: str, keys: Collection[str], options: dict[str, type[Any]], at: str) -> None:
    """Refuse ``keys`` that are settings of others than the ``chosen`` method or rule; ``options`` are all of theirs."""
    for key in keys:
        owners = [slug for slug, kind in options.items() if key in _names(kind)]
        if owners:
            fix = f"leave it out; it is a setting of {', '.join(sorted(owners))}"
            raise ToolkitError(f"{chosen} has no setting {key!r}", at=at, fix=fix)


def _names(kind: type[Any]) -> set[str]:
    return {item.name for item in fields(kind)}


def _table(document: dict[str, Any], section: str, file: Path) -> dict[str, Any]:
    table = document.get(section, {})
    if not isinstance(table, dict):
        raise ToolkitError(f"{section} is not a section", at=str(file), fix=f"write it as [{section}]")
    return table
