"""A NIR file to nested dictionaries of arrays and texts, as ``nir.NIRGraph.to_dict`` has them; untrusted."""

from __future__ import annotations

import json
import math
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.errors import MISSING, ToolkitError
from toolkit.verify.child import importable

Tree = dict[str, Any]  # of trees, numpy arrays, texts and lists of texts

SIGNATURE = b"\x89HDF\r\n\x1a\n"
MAX_FILE_BYTES = 256 << 20
TIMEOUT_S = 120
_CHILD = Path(__file__).with_name("hdf5_child.py")


def read(path: Path) -> Tree:
    """Return the ``node`` group of the NIR file ``path``.

    The HDF5 library opens it in a process of its own, which checks every object before it reads it: no links, no
    references, no data elsewhere, nothing larger than its limits. What comes back is checked once more.

    Raises:
        ToolkitError: the file is missing, damaged, no HDF5 file or more than it should be, or h5py is not installed.
    """
    if not importable("h5py"):
        raise ToolkitError(
            "h5py is not installed, which reads NIR files",
            fix='pip install "edge-toolkit[spiking]"',
            exit_code=MISSING,
        )
    _check_file(path)
    limits = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # threads' stacks count as memory
    command = [sys.executable, "-I", str(_CHILD), str(path.resolve())]
    try:
        ran = subprocess.run(
            command, capture_output=True, timeout=TIMEOUT_S, check=False, env={**os.environ, **limits}
        )
    except subprocess.TimeoutExpired:
        raise refuse(path, f"the HDF5 library did not end within {TIMEOUT_S} s") from None
    if ran.returncode:
        said = ran.stderr.decode(errors="replace").strip().splitlines()
        known = ran.returncode == 1 and said
        raise refuse(path, said[-1][:400] if known else "the HDF5 library failed on it")
    try:
        (length,) = struct.unpack_from("<Q", ran.stdout)
        tree = json.loads(ran.stdout[8 : 8 + length])
        return _group(tree, memoryview(ran.stdout)[8 + length :])
    except (ValueError, KeyError, TypeError, RecursionError, struct.error) as error:
        raise refuse(path, "what the HDF5 library read of it makes no sense") from error


def _check_file(path: Path) -> None:
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise refuse(path, "it is no file")
        with path.open("rb") as opened:
            begin = opened.read(len(SIGNATURE))
    except FileNotFoundError:
        raise ToolkitError(f"{path} does not exist", fix="check the path") from None
    except OSError as error:
        raise refuse(path, error.strerror or str(error)) from error
    if begin != SIGNATURE:
        raise refuse(path, "it does not begin as an HDF5 file does")
    if size > MAX_FILE_BYTES:
        raise refuse(path, f"it has more than {MAX_FILE_BYTES >> 20} MiB")


def refuse(path: Path, why: str) -> ToolkitError:
    """Return the error for a file that cannot be read."""
    return ToolkitError(
        f"not a NIR file that can be read: {why}",
        at=str(path),
        fix="copy it again, or write it again with nir.write(path, graph)",
    )


def _group(part: dict[str, Any], data: memoryview) -> Tree:
    tree: Tree = {}
    for name, found in part["group"].items():
        if "group" in found:
            tree[name] = _group(found, data)
        elif "texts" in found:
            tree[name] = _texts(found)
        else:
            tree[name] = _array(found["array"], data)
    return tree


def _texts(found: dict[str, Any]) -> Any:
    texts, shape = [str(text) for text in found["texts"]], found["shape"]
    if not shape:
        return texts[0]
    if len(shape) == 1:
        return texts
    return [list(row) for row in np.array(texts, dtype=object).reshape(shape[0], math.prod(shape[1:]))]


def _array(found: Any, data: memoryview) -> np.ndarray:
    dtype, shape, begin = found
    if dtype not in ("<f4", "<f8", "<i8"):
        raise ValueError(dtype)
    count = math.prod(shape)
    return np.frombuffer(data, dtype, count, begin).reshape(shape).copy() if count else np.zeros(shape, dtype)
