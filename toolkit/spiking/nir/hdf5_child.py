"""Reads the ``node`` group of an HDF5 file in a process of its own; ``hdf5.py`` runs this file as a script.

The file is a stranger's, and libhdf5 is C: it sees the file only here, limited in time and memory, without plugins.
Every object is checked before its content is read: plain groups and datasets of numbers or strings, whose data lies in
this file, within the limits below.
"""

from __future__ import annotations

import json
import math
import os
import struct
import sys
from collections.abc import Iterator
from typing import Any

os.environ["HDF5_PLUGIN_PRELOAD"] = "::"  # libhdf5 loads no filter of anybody's, before h5py is imported

import h5py
import numpy as np
from h5py import h5d, h5g, h5l, h5o, h5s, h5t, h5z

MAX_MEMORY_BYTES = 4 << 30
MAX_SECONDS = 60
MAX_BYTES = 256 << 20  # of all arrays together, unpacked
MAX_OBJECTS = 100_000
MAX_DEPTH = 64
MAX_TEXT = 1024
MAX_TEXTS = 65_536  # in one dataset
MAX_AXES = 8
FILTERS = {h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32, h5z.FILTER_LZF}


class RefusedError(Exception):
    """What is wrong, and where in the file."""


class Reader:
    """Collects the tree, and the arrays' bytes, which follow it."""

    def __init__(self) -> None:
        self.objects, self.unpacked, self.stored = 0, 0, 0
        self.groups: set[int] = set()
        self.data: list[bytes] = []

    def group(self, group: h5g.GroupID, place: str, depth: int) -> dict[str, Any]:
        """Return the content of a group: ``{"group": {name: ...}}``."""
        if depth > MAX_DEPTH:
            raise RefusedError(f"{place} lies more than {MAX_DEPTH} groups deep")
        self._once(group, place)
        if group.get_num_objs() > MAX_OBJECTS:
            raise RefusedError(f"{place} has more than {MAX_OBJECTS} parts")
        content: dict[str, Any] = {}
        for raw in _names(group):
            name = _text(raw, place)
            content[name] = self.part(group, raw, f"{place}/{name}", depth)
        return {"group": content}

    def _once(self, group: h5g.GroupID, place: str) -> None:
        address = h5o.get_info(group).addr
        if address in self.groups:
            raise RefusedError(f"{place} is a group that is there already: the file goes round in a circle")
        self.groups.add(address)

    def part(self, group: h5g.GroupID, name: bytes, place: str, depth: int) -> dict[str, Any]:
        """Return what ``name`` is in ``group``: a group, texts or an array."""
        self.objects += 1
        if self.objects > MAX_OBJECTS:
            raise RefusedError(f"it has more than {MAX_OBJECTS} parts")
        if group.links.get_info(name).type != h5l.TYPE_HARD:
            raise RefusedError(f"{place} is a link to somewhere else")
        kind = h5o.get_info(group, name).type
        if kind == h5o.TYPE_GROUP:
            return self.group(h5g.open(group, name), place, depth + 1)
        if kind == h5o.TYPE_DATASET:
            return self._dataset(h5d.open(group, name), place)
        raise RefusedError(f"{place} is neither a group nor a dataset")

    def _dataset(self, dataset: h5d.DatasetID, place: str) -> dict[str, Any]:
        shape = _shape(dataset.get_space(), place)
        count = math.prod(shape)
        kind = dataset.get_type()
        size = _checked_type(kind, place)
        if isinstance(kind, h5t.TypeStringID) and count > MAX_TEXTS:
            raise RefusedError(f"{place} has more than {MAX_TEXTS} strings")
        self.unpacked += count * size
        if self.unpacked > MAX_BYTES:
            raise RefusedError(
                f"{place}, of shape {shape}, takes the file beyond {MAX_BYTES >> 20} MiB of numbers"
            )
        _check_storage(dataset, count, size, place)
        opened = h5py.Dataset(dataset)
        if isinstance(kind, h5t.TypeStringID):
            return {"texts": self._texts(opened, shape, place), "shape": shape}
        array = np.asarray(opened[()])
        array = array.astype(_plain(array.dtype))
        self.data.append(array.tobytes())
        begin, self.stored = self.stored, self.stored + array.nbytes
        return {"array": [array.dtype.str, list(shape), begin]}

    def _texts(self, dataset: h5py.Dataset, shape: tuple[int, ...], place: str) -> list[str]:
        texts = []
        for index in np.ndindex(*shape):  # one by one: how long a string is shows only when it is read
            found = dataset[index]
            texts.append(_text(found if isinstance(found, bytes) else bytes(found), place))
        return texts


def _names(group: h5g.GroupID) -> Iterator[bytes]:
    names: list[bytes] = []
    group.links.iterate(names.append)
    yield from names


def _text(raw: bytes, place: str) -> str:
    if len(raw) > MAX_TEXT:
        raise RefusedError(f"{place} has a text of more than {MAX_TEXT} bytes")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise RefusedError(f"{place} has a text that is not UTF-8") from None


def _shape(space: h5s.SpaceID, place: str) -> tuple[int, ...]:
    if space.get_simple_extent_type() not in (h5s.SCALAR, h5s.SIMPLE):
        raise RefusedError(f"{place} is empty")
    shape = tuple(int(side) for side in space.get_simple_extent_dims())
    if len(shape) > MAX_AXES:
        raise RefusedError(f"{place} has {len(shape)} axes")
    return shape


def _checked_type(kind: h5t.TypeID, place: str) -> int:
    """Return how many bytes a value takes at least."""
    if isinstance(kind, h5t.TypeStringID):
        if not kind.is_variable_str() and kind.get_size() > MAX_TEXT:
            raise RefusedError(f"{place} has texts of {kind.get_size()} bytes")
        return 16
    if isinstance(kind, h5t.TypeEnumID) and kind.dtype != np.dtype(bool):
        raise RefusedError(f"{place} has values of an enumeration")
    if not isinstance(kind, h5t.TypeIntegerID | h5t.TypeFloatID | h5t.TypeEnumID) or kind.get_size() > 8:
        raise RefusedError(f"{place} has values that are neither numbers nor texts")
    return 8


def _check_storage(dataset: h5d.DatasetID, count: int, size: int, place: str) -> None:
    made = dataset.get_create_plist()
    layout = made.get_layout()
    if layout == h5d.VIRTUAL:
        raise RefusedError(f"{place} takes its values from other datasets")
    if made.get_external_count():
        raise RefusedError(f"{place} has its values in another file")
    for i in range(made.get_nfilters()):
        if made.get_filter(i)[0] not in FILTERS:
            raise RefusedError(f"{place} is packed by filter {made.get_filter(i)[0]}")
    if layout == h5d.CHUNKED and math.prod(made.get_chunk()) * size > MAX_BYTES:
        raise RefusedError(f"{place} has pieces of shape {made.get_chunk()}")
    if count and not dataset.get_storage_size():
        raise RefusedError(f"{place} has a shape and no values")


def _plain(dtype: np.dtype[Any]) -> str:
    if dtype.kind == "f":
        return "<f8" if dtype.itemsize == 8 else "<f4"
    if dtype.kind in "iub":
        return "<i8"
    raise RefusedError(f"values of type {dtype}")


def read(path: str) -> bytes:
    """Return the file's ``node`` group: length of a JSON tree, the tree, the arrays' bytes."""
    reader = Reader()
    with h5py.File(path, "r", locking=False) as file:
        root = file.id
        if b"node" not in set(_names(h5g.open(root, b"/"))):
            raise RefusedError("it has no group 'node'")
        tree = reader.part(h5g.open(root, b"/"), b"node", "node", 0)
    text = json.dumps(tree).encode()
    return b"".join([struct.pack("<Q", len(text)), text, *reader.data])


def main() -> None:
    """Write what ``read`` returns to stdout, or what is wrong to stderr with exit code 1."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES,) * 2)
        resource.setrlimit(resource.RLIMIT_CPU, (MAX_SECONDS,) * 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):
        pass  # not there on Windows
    try:
        found = read(sys.argv[1])
    except RefusedError as error:
        sys.exit(str(error))
    except Exception as error:  # whatever h5py raises for a damaged file
        sys.exit(f"h5py says: {(str(error).strip().splitlines() or [type(error).__name__])[0][:300]}")
    sys.stdout.buffer.write(found)


if __name__ == "__main__":
    main()
