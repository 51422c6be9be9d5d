"""Read members of zip and tar archives into memory, within bounds; nothing is ever unpacked to disk."""

from __future__ import annotations

import gzip
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from toolkit.data.cache import damaged

_BROKEN = (OSError, EOFError, zlib.error, zipfile.BadZipFile, tarfile.TarError, RuntimeError)


def read_zip(
    path: Path,
    pattern: str,
    *,
    order: Callable[[re.Match[str]], Any],
    max_member_bytes: int,
    max_total_bytes: int,
    limit: int | None = None,
) -> Iterator[tuple[re.Match[str], bytes]]:
    """Yield ``(match, bytes)`` of the members whose whole name matches ``pattern``, sorted by ``order``.

    ``limit`` keeps only the first of them. Other members are not looked at.

    Raises:
        ToolkitError: not a zip file, a damaged member, or members larger than the bounds.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            chosen = []
            for info in archive.infolist():
                if match := re.fullmatch(pattern, info.filename):
                    if info.file_size > max_member_bytes:
                        raise damaged(path, f"{info.filename} unpacks to {info.file_size:,} bytes")
                    chosen.append((match, info))
            chosen = sorted(chosen, key=lambda pair: order(pair[0]))[:limit]
            if (total := sum(info.file_size for _, info in chosen)) > max_total_bytes:
                raise damaged(path, f"its members unpack to {total:,} bytes")
            for match, info in chosen:
                yield match, archive.read(info)  # reads no more than file_size and checks the CRC
    except _BROKEN as error:
        raise damaged(path, error) from error


def read_tar_gz(path: Path, members: dict[str, int], *, max_total_bytes: int) -> dict[str, bytes]:
    """Return the bytes of named files in a ``.tar.gz``; ``members`` gives each one's largest size.

    Raises:
        ToolkitError: not such an archive, a member missing or too large, or more than ``max_total_bytes`` in
            all.
    """
    pattern = "|".join(map(re.escape, members))
    largest = max(members.values())
    found: dict[str, bytes] = {}
    for match, content in walk_tar_gz(
        path, pattern, max_member_bytes=largest, max_total_bytes=max_total_bytes
    ):
        if len(content) > members[match[0]]:
            raise damaged(path, f"{match[0]} has {len(content):,} bytes")
        found[match[0]] = content
    if missing := members.keys() - found.keys():
        raise damaged(path, f"{', '.join(sorted(missing))} is not in it")
    return found


def walk_tar_gz(
    path: Path, pattern: str, *, max_member_bytes: int, max_total_bytes: int
) -> Iterator[tuple[re.Match[str], bytes]]:
    """Yield ``(match, bytes)`` of the files in a ``.tar.gz`` whose whole name matches ``pattern``, as they come.

    Raises:
        ToolkitError: not such an archive, a member larger than ``max_member_bytes``, or more than ``max_total_bytes``
            in all.
    """
    try:
        with gzip.open(path) as stream:
            bounded: Any = _Bounded(stream, path, max_total_bytes)
            with tarfile.open(fileobj=bounded, mode="r|") as archive:
                for member in archive:
                    match = re.fullmatch(pattern, member.name.removeprefix("./"))
                    if match is None or not member.isfile():
                        continue
                    if member.size > max_member_bytes:
                        raise damaged(path, f"{match[0]} has {member.size:,} bytes")
                    content = archive.extractfile(member)
                    assert content is not None  # it is a regular file
                    yield match, content.read()
    except _BROKEN as error:
        raise damaged(path, error) from error


class _Bounded:
    """A stream that refuses to unpack more than it should."""

    def __init__(self, stream: gzip.GzipFile, path: Path, limit: int) -> None:
        self._stream = stream
        self._path = path
        self._left = limit

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise damaged(self._path, "it unpacks to more than the dataset can have")
        return data
