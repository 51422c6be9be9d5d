"""Read and write ``.pt2`` files, torch's format of exported programs, without executing anything in them.

``torch.export.load`` unpickles, evaluates and compiles what it finds in a file. Here a file is first taken
apart: zip archive (`pt2_archive`), JSON graph (`pt2_graph`), raw tensor bytes (`pt2_tensors`). What is known
and harmless is put together again as a new archive, in memory, and only that one is given to torch. Nothing
pickled is among it: sample inputs, custom objects and compiled libraries stay out. What `save` writes has
gone through the same sieve.
"""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit import atomic
from toolkit.errors import ToolkitError, first_line
from toolkit.program import pt2_archive, pt2_graph, pt2_json, pt2_tensors
from toolkit.program.pt2_errors import refuse
from toolkit.program.pt2_hints import remembered_hints

if TYPE_CHECKING:
    from torch.export import ExportedProgram

INFO = "extra/toolkit.json"
_MODEL = "models/model.json"
_WEIGHTS, _WEIGHTS_CONFIG = "data/weights", "model_weights_config.json"
_CONSTANTS, _CONSTANTS_CONFIG = "data/constants", "model_constants_config.json"
_FIXED = {
    "archive_format": b"pt2",
    "archive_version": b"0",
    "byteorder": b"little",
    ".data/version": b"6\n",
    # torch wants the entry; an empty one means that there are none
    "data/sample_inputs/model.pt": b"",
}


def save(program: ExportedProgram, path: Path | str, info: dict[str, Any] | None = None) -> None:
    """Write ``program`` to ``path``, whole or not at all; the same program and info give the same bytes.

    Sample inputs and stack traces are left out. ``torch.export.load`` reads the file too.

    Args:
        program: with fixed sizes, and of tensors only.
        path: usually ends in ``.pt2``.
        info: plain data to keep beside it (dataset, accuracy, …), as ``toolkit.json``.

    Raises:
        ToolkitError: as `load`, for what the program holds; and when the file cannot be written.
    """
    import torch

    buffer = io.BytesIO()
    with _located(f"the program for {path}"):
        try:
            with _quiet():
                torch.export.save(program, buffer)
        except Exception as error:  # whatever torch's serializer meets
            raise ToolkitError(
                f"torch cannot save the program: {first_line(error)}", fix="export a model of tensors only"
            ) from error
        entries = _clean(pt2_archive.read_bytes(buffer.getvalue()))
    entries[INFO] = json.dumps(info or {}, sort_keys=True, indent=1).encode()
    atomic.write_bytes(Path(path), pt2_archive.write(entries))


def load(path: Path | str) -> tuple[ExportedProgram, dict[str, Any]]:
    """Return the program in the file ``path`` and the information kept beside it (empty when there is none).

    The program has tensors of fixed sizes as inputs and outputs, finite weights, and no sample inputs; all of
    it is on the CPU.

    Raises:
        ToolkitError: the file is missing, damaged, not a program in this torch's format, or would run code; it
            has dynamic shapes, operators other than torch's, unsupported dtypes, or weights that are NaN or
            infinite.
    """
    import torch
    import torch.ao.quantization.fx._decomposed  # registers torch.ops.quantized_decomposed

    from toolkit.program import delayed, levels, noise, spikes  # noqa: F401  # register torch.ops.toolkit
    from toolkit.program.pt2_shapes import check_shapes

    with _located(str(path)):
        entries = pt2_archive.read_file(Path(path))
        clean = _clean(entries)
        info = pt2_json.mapping(pt2_json.parse(entries.get(INFO, b"{}"), "toolkit.json"), "toolkit.json")
        try:
            with _quiet(), remembered_hints():
                program = torch.export.load(io.BytesIO(pt2_archive.write(clean)))
                check_shapes(program)
        except ToolkitError:
            raise
        except Exception as error:  # torch checks with asserts and exceptions of all kinds
            # torch.export.load logs some errors and then points to its log, which is held back here
            details = "" if "warnings above" in str(error) else f" ({first_line(error)})"
            raise refuse(f"torch finds it inconsistent{details}") from error
    return program, info


def _clean(entries: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the entries of a new archive with what is needed and harmless of ``entries``."""
    _check_layout(entries)
    graph = pt2_graph.clean_program(pt2_json.parse(entries[_MODEL], _MODEL))
    clean = dict(_FIXED)
    clean[_MODEL] = json.dumps(graph.json).encode()
    for folder, config, is_constant in (
        (_WEIGHTS, _WEIGHTS_CONFIG, False),
        (_CONSTANTS, _CONSTANTS_CONFIG, True),
    ):
        kept = [tensor for tensor in graph.kept if tensor.is_constant == is_constant]
        payload = pt2_tensors.clean_payload(entries, folder, config, kept)
        clean[f"{folder}/{config}"] = json.dumps(payload).encode()
        for tensor in payload["config"].values():
            name = f"{folder}/{tensor['path_name']}"
            clean[name] = entries[name]
    return clean


def _check_layout(entries: Mapping[str, bytes]) -> None:
    if entries.get("archive_format") != b"pt2":
        raise refuse("it is a zip archive of another kind")
    version = entries.get("archive_version", b"")
    if version != b"0":
        raise refuse(
            f"it has archive version {version[:20]!r}, but only version 0 is known",
            "save it with torch.export.save of the torch that is installed here",
        )
    if entries.get("byteorder", b"little") != b"little":
        raise refuse("its weights have the byte order of another machine")
    models = [name for name in entries if name.startswith("models/")]
    if models != [_MODEL]:
        raise refuse(f"it holds {len(models)} programs, not one named model")
    for name in entries:
        if name.startswith("data/aotinductor/"):
            raise refuse("it holds a compiled library, which would run here")
        if name.startswith(("data/constants/custom_obj_", "data/constants/opaque_obj_")):
            raise refuse("it holds a pickled object, which could run code when opened")
    if f"{_WEIGHTS}/model.pt" in entries or f"{_CONSTANTS}/model.pt" in entries:
        raise refuse("its weights are a pickle, which could run code when opened")


@contextmanager
def _located(place: str) -> Iterator[None]:
    """Put the file in front of where an error says it happened."""
    try:
        yield
    except ToolkitError as error:
        error.at = f"{place}: {error.at}" if error.at else place
        raise


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back torch's notices about its own deprecations; what goes wrong arrives as an exception."""
    log = logging.getLogger("torch")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
