"""``toolkit.toml``: the settings of one project, read strictly and written with comments."""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

from toolkit import atomic
from toolkit.errors import ToolkitError

FILE = "toolkit.toml"
_RECIPES = Path(__file__).resolve().parent / "recipes"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


def _setting(
    default: Any, *, low: float | None = None, high: float | None = None, choices: tuple[str, ...] = ()
) -> Any:
    """A dataclass field with the values it may take; both ends belong to the range."""
    return field(default=default, metadata={"low": low, "high": high, "choices": choices})


@dataclass(frozen=True)
class Data:
    """``[data]``: what to learn from."""

    dataset: str = "digits"


@dataclass(frozen=True)
class Model:
    """``[model]``: the network, by family and size preset; ``options`` go to the family as they are."""

    family: str = "cnn"
    preset: str = "digits"
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Train:
    """``[train]``: how the float model learns."""

    rule: str = "backprop"
    epochs: int = _setting(20, low=1, high=100_000)
    batch_size: int = _setting(64, low=1, high=65_536)
    learning_rate: float = _setting(2e-3, low=1e-9, high=10.0)
    weight_decay: float = _setting(1e-4, low=0.0, high=10.0)
    seed: int = _setting(0, low=0, high=2**31 - 1)


@dataclass(frozen=True)
class Quantize:
    """``[quantize]``: how weights and activations become integers; ``epochs`` is for methods that train on."""

    method: str = _setting("bitnet158", choices=("bitnet158", "int8-ptq", "int8-qat", "float"))
    epochs: int = _setting(20, low=1, high=100_000)
    learning_rate: float = _setting(1e-3, low=1e-9, high=10.0)
    calibration: int = _setting(512, low=1, high=1_000_000)


@dataclass(frozen=True)
class Export:
    """``[export]``: the device, and what the bundle carries."""

    target: str = "mps2-an386"
    optimize: str = _setting("speed", choices=("speed", "size"))
    golden: int = _setting(16, low=1, high=4096)


@dataclass(frozen=True)
class Verify:
    """``[verify]``: how much of the test set runs on the emulated core; the rest runs on the same C on the host."""

    fresh: int = _setting(64, low=0, high=1_000_000)
    device_samples: int = _setting(1000, low=1, high=1_000_000)
    timeout: float = _setting(300.0, low=1.0, high=86_400.0)


@dataclass(frozen=True)
class Project:
    """The settings of one project and the folder they belong to."""

    root: Path
    name: str = "model"
    data: Data = Data()
    model: Model = field(default_factory=Model)
    train: Train = Train()
    quantize: Quantize = Quantize()
    export: Export = Export()
    verify: Verify = Verify()

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
    "verify": Verify,
}


def load(path: Path) -> Project:
    """Read the ``toolkit.toml`` at ``path`` or in the folder ``path``.

    Raises:
        ToolkitError: there is no such file, it is not TOML, or a section, key, type or value is wrong.
    """
    file = path / FILE if path.is_dir() else path
    return parse(_read(file), file)


def parse(text: str, file: Path) -> Project:
    """Return the project that ``text`` describes; ``file`` names it in errors and gives its folder.

    Raises:
        ToolkitError: as ``load``.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ToolkitError(f"not valid TOML: {error}", at=str(file), fix="mend that line") from None
    except RecursionError:
        raise ToolkitError(
            "nested too deeply", at=str(file), fix="use the sections of `toolkit init`"
        ) from None
    _known(document, ["project", *_SECTIONS], "section", "", file)
    about = _table(document, "project", file)
    _known(about, ["name"], "setting", "project", file)
    name = about.get("name", "model")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise _wrong("project", "name", name, "a word of letters, digits, - and _", file)
    sections = {
        key: _section(kind, _table(document, key, file), key, file) for key, kind in _SECTIONS.items()
    }
    return Project(root=file.parent, name=name, **sections)


def recipes() -> dict[str, str]:
    """Return every recipe's name with its first comment line."""
    found = {}
    for file in sorted(_RECIPES.glob("*.toml")):
        first = file.read_text(encoding="utf-8").splitlines()[0]
        found[file.stem] = first.lstrip("# ").rstrip(".")
    return found


def init(folder: Path, recipe: str) -> Path:
    """Write ``recipe`` as ``folder/toolkit.toml`` and return its path. Nothing is ever overwritten.

    Raises:
        ToolkitError: the file is there already, or no recipe has that name.
    """
    known = recipes()
    if recipe not in known:
        near = difflib.get_close_matches(recipe, known, n=1) or list(known)
        raise ToolkitError(f"no recipe {recipe!r}", fix=f"use one of: {', '.join(near)}")
    file = folder / FILE
    if file.exists() or file.is_symlink():
        raise ToolkitError(
            f"{file} is there already", fix="edit it, or name another folder: toolkit init DIR"
        )
    if folder.exists() and not folder.is_dir():
        raise ToolkitError(f"{folder} is a file", fix="name a folder: toolkit init DIR")
    atomic.write_text(file, (_RECIPES / f"{recipe}.toml").read_text(encoding="utf-8"))
    return file


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise ToolkitError(f"there is no {file}", fix="make one: toolkit init") from None
    except UnicodeDecodeError as error:
        raise ToolkitError(
            "not UTF-8 text", at=f"{file}, byte {error.start}", fix="save it as UTF-8"
        ) from None
    except OSError as error:
        raise ToolkitError(
            f"cannot read it: {error.strerror}", at=str(file), fix="check the path and its rights"
        ) from None


def _known(table: dict[str, Any], names: list[str], what: str, section: str, file: Path) -> None:
    """Refuse the first key of ``table`` that is not in ``names``."""
    for key in table:
        if key not in names:
            near = difflib.get_close_matches(key, names, n=1)
            fix = f"did you mean {near[0]}?" if near else f"use one of: {', '.join(names)}"
            raise ToolkitError(
                f"no {what} {key!r}", at=f"{file}, {f'[{section}]' if section else 'top level'}", fix=fix
            )


def _table(document: dict[str, Any], section: str, file: Path) -> dict[str, Any]:
    table = document.get(section, {})
    if not isinstance(table, dict):
        raise ToolkitError(f"{section} is not a section", at=str(file), fix=f"write it as [{section}]")
    return table


def _section(kind: type, table: dict[str, Any], section: str, file: Path) -> Any:
    """Return ``kind`` filled from ``table``, every value checked."""
    known = {item.name: item for item in fields(kind)}
    _known(table, list(known), "setting", section, file)
    types = get_type_hints(kind)
    values = {}
    for key, value in table.items():
        values[key] = _value(value, types[key], known[key].metadata, (section, key), file)
    return kind(**values)


def _value(value: Any, kind: Any, limits: Any, where: tuple[str, str], file: Path) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    plain = getattr(kind, "__origin__", kind)
    if not isinstance(value, plain) or (plain is int and isinstance(value, bool)):
        raise _wrong(*where, value, {"str": "a string", "int": "a whole number", "float": "a number"}.get(
            plain.__name__, "a table"), file)  # fmt: skip
    choices = limits.get("choices") or ()
    if choices and value not in choices:
        near = difflib.get_close_matches(value, choices, n=1)
        raise _wrong(*where, value, f"one of {', '.join(choices)}{f'; {near[0]}?' if near else ''}", file)
    low, high = limits.get("low"), limits.get("high")
    if low is not None and not (low <= value <= high and math.isfinite(value)):
        raise _wrong(*where, value, f"from {low:g} to {high:g}", file)
    return value


def _wrong(section: str, key: str, value: Any, expected: str, file: Path) -> ToolkitError:
    shown = repr(value) if len(repr(value)) <= 60 else repr(value)[:57] + "..."
    return ToolkitError(
        f"{key} = {shown} cannot be", at=f"{file}, [{section}] {key}", fix=f"it is {expected}"
    )
