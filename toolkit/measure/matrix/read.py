"""A matrix of models, targets and ways to compile and run them: read from a file or found in a folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

from toolkit.device import toml
from toolkit.errors import ToolkitError, suggestion
from toolkit.measure.matrix import cell as cells
from toolkit.measure.matrix.cell import Cell
from toolkit.measure.matrix.model_files import bundle_in
from toolkit.program.checkpoint import is_checkpoint

FILE = "matrix.toml"
_SUFFIXES = (".pt2", ".tflite", ".onnx", ".nir", ".safetensors")
_OPTIMIZE = ("speed", "size", "ram")  # as ``toolkit.bundle.OPTIMIZE``, without importing torch for it


def load(path: Path, targets: Sequence[str] = ()) -> list[Cell]:
    """Return the cells of a matrix's file, or of a folder: of its ``matrix.toml``, or of all models and bundles in it.

    Args:
        path: file or folder.
        targets: for models of a folder, and in the place of the file's.

    Raises:
        ToolkitError: nothing is there, or the file says something that means nothing.
    """
    path = Path(path)
    file = path / FILE if path.is_dir() else path
    found = _of_file(file, targets) if file.is_file() else _of_folder(path, targets)
    if not found:
        raise ToolkitError(
            "there is no model and no bundle to bench", at=str(path), fix="export one, or write a matrix.toml"
        )
    return found


def _of_folder(folder: Path, targets: Sequence[str]) -> list[Cell]:
    if not folder.is_dir():
        raise ToolkitError(f"{folder} is not there", fix=f"give a folder of models, or a {FILE}")
    there = [folder] if _is_model(folder) else sorted(folder.iterdir())
    models = {entry: _name(entry) for entry in there if _is_model(entry)}
    return list(_expand(_named(models), targets, str(folder)))


def _of_file(file: Path, targets: Sequence[str]) -> list[Cell]:
    outer = toml.Table(file, toml.read(file))
    table = outer.table("matrix")
    outer.done()
    folder = file.parent
    models = _named(
        {path: _name(path) for pattern in table.texts("models") for path in _matches(folder, pattern)}
    )
    axes = {name: table.texts(name) for name in ("optimize", "toolchain", "emulator") if name in table}
    for value in axes.get("optimize", ()):
        if value not in _OPTIMIZE:
            raise table.error("optimize", f"has {value!r}", suggestion(value, _OPTIMIZE))
    chosen = table.texts("targets") if "targets" in table else ()
    tune = table.booleans("tune") if "tune" in table else (False,)
    calibration = {}
    if "calibration" in table:
        samples = table.table("calibration")
        calibration = {name: folder / samples.text(name) for name in models.values() if name in samples}
        samples.done()  # names of no model
    left_out = table.texts("leave_out") if "leave_out" in table else ()
    table.done()
    found = list(_expand(models, targets or chosen, str(file), tune=tune, calibration=calibration, **axes))
    pairs = {f"{cell.model} on {cell.target}" for cell in found}
    for pair in left_out:
        if pair not in pairs and not targets:
            raise table.error("leave_out", f"has {pair!r}, which is no cell", suggestion(pair, sorted(pairs)))
    return [cell for cell in found if f"{cell.model} on {cell.target}" not in left_out]


def _expand(
    models: dict[Path, str],
    targets: Sequence[str],
    at: str,
    *,
    optimize: Sequence[str] = ("speed",),
    tune: Sequence[bool] = (False,),
    toolchain: Sequence[str] = ("",),
    emulator: Sequence[str] = ("",),
    calibration: dict[str, Path] | None = None,
) -> Iterator[Cell]:
    """Yield a cell for each combination; of a bundle only for those that can still be chosen."""
    for path, name in models.items():
        made = bundle_in(path)
        if made is not None:
            for compiler, runner in product(toolchain, emulator):
                yield _of_bundle(made, name, compiler, runner)
            continue
        if not targets:
            raise ToolkitError(
                f"{path.name} is a model, and no target is named",
                at=at,
                fix="add --target NAME, once for each, or write `targets = [...]` into a matrix.toml",
            )
        given = (calibration or {}).get(name)
        for target, goal, tuned, compiler, runner in product(targets, optimize, tune, toolchain, emulator):
            yield Cell(name, path, target, goal, tuned, compiler, runner, given)


def _of_bundle(path: Path, name: str, toolchain: str, emulator: str) -> Cell:
    """Return a bundle's cell; one that cannot be read fails when its turn comes, and alone."""
    try:
        return cells.of_bundle(path, name, toolchain, emulator)
    except ToolkitError:
        return Cell(name, path, "an unknown target", toolchain=toolchain, emulator=emulator)


def _matches(folder: Path, pattern: str) -> list[Path]:
    """Return the models and bundles that a path or a glob names."""
    exact = folder / pattern
    try:
        found = (
            [exact] if exact.exists() else sorted(path for path in folder.glob(pattern) if _is_model(path))
        )
    except (ValueError, NotImplementedError, OSError) as error:
        raise ToolkitError(f"{pattern!r} is no pattern of files: {error}", at=str(folder)) from error
    if not found:
        raise ToolkitError(
            f"no model and no bundle is called {pattern!r}", at=str(folder), fix="check its spelling"
        )
    return found


def _is_model(path: Path) -> bool:
    is_file = path.is_file() and path.suffix.lower() in _SUFFIXES
    return is_file or bundle_in(path) is not None or is_checkpoint(path)


def _name(path: Path) -> str:
    return path.resolve().name if path.is_dir() else path.stem


def _named(models: dict[Path, str]) -> dict[Path, str]:
    """Return names that differ: where two are the same, each with its file's ending or its folder."""
    names = list(models.values())
    longer = {path: path.name if names.count(name) > 1 else name for path, name in models.items()}
    again = list(longer.values())
    return {path: str(path) if again.count(name) > 1 else name for path, name in longer.items()}
