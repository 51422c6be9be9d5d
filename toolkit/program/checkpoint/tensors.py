"""The tensors of a checkpoint's safetensors files, each checked before it is used."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from torch import Tensor

from toolkit.errors import MISSING, ToolkitError, first_line
from toolkit.program.checkpoint import INDEX, WEIGHTS

_MAX_INDEX_BYTES = 16 << 20
_FLOATS = ("BF16", "F16", "F32")
_FIX = "download the checkpoint again"


class Tensors:
    """Tensors by name, from ``model.safetensors`` or the files that its index lists; a context manager.

    Args:
        folder: of the checkpoint.
        only: the one file that holds them all; else the index, where there is one, or ``model.safetensors``.

    Raises:
        ToolkitError: a file is missing, damaged or outside the folder; the package ``safetensors`` is not installed.
    """

    def __init__(self, folder: Path, only: str | None = None) -> None:
        self.folder = folder
        indexed = only is None and (folder / INDEX).is_file()
        self.source = folder / (INDEX if indexed else only or WEIGHTS)
        files, wanted = self._indexed() if indexed else ({self.source.name}, None)
        self._open = ExitStack()
        self._files: dict[str, Any] = {}  # by tensor
        try:
            for name in sorted(files):
                self._add(self.folder / name)
        except BaseException:
            self._open.close()
            raise
        if wanted is not None and wanted != self._files.keys():
            self._open.close()
            odd = sorted(wanted ^ self._files.keys())[0]
            raise self.wrong("the index lists other tensors than the files hold", odd)

    def __enter__(self) -> Tensors:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def names(self) -> set[str]:
        """Return the names of all tensors."""
        return set(self._files)

    def is_packed(self, name: str) -> bool:
        """True for a tensor of bytes; raises ``ToolkitError`` when there is none of this name."""
        return str(self._described(name).get_dtype()) == "U8"

    def floats(self, name: str, *shape: int) -> Tensor:
        """Return a tensor of one of ``shape``'s sizes as float32.

        Raises:
            ToolkitError: it is missing, or of another shape or type, or not finite.
        """
        tensor = self._checked(name, shape, _FLOATS).float()
        if not bool(torch.isfinite(tensor).all()):
            raise self.wrong("a tensor holds NaN or infinity", name)
        return tensor

    def scalar(self, name: str) -> float:
        """Return a positive number that is stored as a tensor of one element, with or without an axis."""
        shape = (1,) if list(self._described(name).get_shape()) else ()
        value = float(self.floats(name, *shape))
        if not value > 0:
            raise self.wrong(f"a scale is {value:g}; it has to be positive", name)
        return value

    def packed(self, name: str, *shape: int) -> Tensor:
        """Return a uint8 tensor of ``shape``."""
        return self._checked(name, shape, ("U8",))

    def wrong(self, what: str, name: str) -> ToolkitError:
        """Return the error for a tensor."""
        return ToolkitError(what, at=f"{self.source}: {name[:200]}", fix=_FIX)

    def _indexed(self) -> tuple[set[str], set[str]]:
        """Return the files and the tensors that the index lists."""
        try:
            if self.source.stat().st_size > _MAX_INDEX_BYTES:
                raise ToolkitError("the index is larger than 16 MiB", at=str(self.source), fix=_FIX)
            said = json.loads(self.source.read_bytes().decode())
            listed = said["weight_map"]
            pairs = [(str(name), file) for name, file in listed.items()]
        except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
            raise ToolkitError("the index is damaged", at=str(self.source), fix=_FIX) from error
        for name, file in pairs:
            plain = isinstance(file, str) and file.endswith(".safetensors") and Path(file).name == file
            if not plain or "\\" in file or ":" in file:
                raise self.wrong(f"the index names a file outside the folder: {str(file)[:80]!r}", name)
        return {file for _, file in pairs}, {name for name, _ in pairs}

    def _add(self, file: Path) -> None:
        try:
            from safetensors import SafetensorError, safe_open
        except ImportError as error:
            raise ToolkitError(
                "the package safetensors is not installed",
                fix="python -m pip install 'edge-toolkit[bitnet]'",
                exit_code=MISSING,
            ) from error
        if not file.resolve().is_relative_to(self.folder.resolve()):  # a link may lead anywhere
            raise ToolkitError(f"{file.name} lies outside the checkpoint's folder", at=str(file), fix=_FIX)
        try:
            opened = self._open.enter_context(safe_open(file, framework="pt"))
            names = opened.keys()
        except (OSError, SafetensorError) as error:
            raise ToolkitError(
                f"{file.name} cannot be read: {first_line(error)}", at=str(file), fix=_FIX
            ) from error
        for name in names:
            if name in self._files:
                raise self.wrong("two files hold one tensor", name)
            self._files[name] = opened

    def _described(self, name: str) -> Any:
        if name not in self._files:
            raise self.wrong("a tensor is missing", name)
        return self._files[name].get_slice(name)

    def _checked(self, name: str, shape: tuple[int, ...], dtypes: tuple[str, ...]) -> Tensor:
        described = self._described(name)
        dtype, own = str(described.get_dtype()), tuple(described.get_shape())
        if dtype not in dtypes:
            raise self.wrong(f"a tensor is {dtype}, not {' or '.join(dtypes)}", name)
        if own != shape:
            raise self.wrong(f"a tensor has shape {list(own)}; config.json says {list(shape)}", name)
        tensor: Tensor = self._files[name].get_tensor(name)
        return tensor
