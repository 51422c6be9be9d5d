"""Fetch a file into the cache: several mirrors, resumed transfers, checksums, and a bar on a terminal."""

from __future__ import annotations

import hashlib
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from toolkit import atomic
from toolkit.data.cache import VARIABLE, cache_dir
from toolkit.data.transfer import Progress, TooLargeError, TransferError, transfer
from toolkit.errors import CHECK_FAILED, MISSING, ToolkitError


@dataclass(frozen=True)
class Checksum:
    """What a file's bytes must hash to."""

    algorithm: Literal["md5", "sha256"]
    hexdigest: str

    def matches(self, path: Path) -> bool:
        """Return whether the file at ``path`` has this checksum."""
        return _hexdigest(path, self.algorithm) == self.hexdigest.lower()


@dataclass(frozen=True)
class RemoteFile:
    """A public file and its place in the cache.

    Args:
        path: where it lies below the cache folder, with ``/``.
        urls: where to get it, tried in this order.
        max_bytes: a larger answer is refused.
        checksums: any one of them is accepted. When there is none the first download is trusted once
            ``check`` accepts it: its SHA-256 is kept beside it in ``<file>.sha256``, and later downloads must
            match that.
        check: raises ``ToolkitError`` when the content makes no sense; run before a download takes its place.
    """

    path: str
    urls: tuple[str, ...]
    max_bytes: int
    checksums: tuple[Checksum, ...] = ()
    check: Callable[[Path], object] | None = None


def fetch(
    file: RemoteFile,
    folder: Path | None = None,
    *,
    timeout_s: float = 30,
    attempts: int = 3,
    pause_s: float = 1,
) -> Path:
    """Return the file's path below ``folder`` (default: the cache), downloading it when it is not there.

    A file that is there is returned as it is. Each mirror gets ``attempts`` tries, ``timeout_s`` without a
    byte ends a try, and the pause between tries starts at ``pause_s`` and doubles. An interrupted transfer
    leaves ``<file>.part`` and the next one goes on from there, if a checksum can prove that both halves
    belong together.

    Raises:
        ToolkitError: no mirror delivered, or what they delivered is wrong; it says where to put the file by
            hand.
    """
    target = (folder or cache_dir()) / file.path
    if target.is_file():
        return target
    with _only_one(target):
        if not target.is_file():  # another process may have fetched it while this one waited
            _download(file, target, timeout_s=timeout_s, attempts=attempts, pause_s=pause_s)
    return target


def _download(file: RemoteFile, target: Path, *, timeout_s: float, attempts: int, pause_s: float) -> None:
    part = target.with_name(target.name + ".part")
    record = target.with_name(target.name + ".sha256")
    expected = file.checksums or _recorded(record)
    failures: list[str] = []
    wrong_content = False
    for url in file.urls:
        for attempt in range(attempts):
            resume = bool(expected) and part.exists()
            try:
                with _bar(file.path) as progress:
                    transfer(
                        url,
                        part,
                        resume=resume,
                        max_bytes=file.max_bytes,
                        timeout_s=timeout_s,
                        progress=progress,
                    )
            except TransferError as error:
                reason, again = str(error), error.again
                if isinstance(error, TooLargeError):
                    part.unlink(missing_ok=True)
            else:
                reason = _objection(file, part, expected, record)
                if not reason:
                    if not expected:
                        atomic.write_text(record, f"{_hexdigest(part, 'sha256')}  {target.name}\n")
                    os.replace(part, target)
                    return
                part.unlink()
                wrong_content = True
                again = resume  # the old half may have been the wrong one
            if not again or attempt + 1 == attempts:
                failures.append(f"{url}: {reason}")
                break
            time.sleep(pause_s * 2**attempt)
    raise ToolkitError(
        f"cannot download {file.path}",
        at="; ".join(failures),
        fix=f"put the file at {target}, or set {VARIABLE} to a folder that has {file.path}",
        exit_code=CHECK_FAILED if wrong_content else MISSING,
    )


def _objection(file: RemoteFile, part: Path, expected: tuple[Checksum, ...], record: Path) -> str:
    """Return why the downloaded bytes are refused, or nothing."""
    if expected and not any(checksum.matches(part) for checksum in expected):
        if file.checksums:
            return f"the {expected[0].algorithm} checksum does not match"
        return f"the checksum is not the one in {record}; delete that if the publisher changed the file"
    try:
        if file.check:
            file.check(part)
    except ToolkitError as error:
        return error.what
    return ""


def _recorded(record: Path) -> tuple[Checksum, ...]:
    if not record.is_file():
        return ()
    match = re.match(r"[0-9a-f]{64}\b", record.read_text(encoding="utf-8", errors="replace"))
    return (Checksum("sha256", match[0]),) if match else ()


def _hexdigest(path: Path, algorithm: str) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()


@contextmanager
def _only_one(target: Path) -> Iterator[None]:
    """Let one process at a time download ``target``; the lock ends with the process that holds it."""
    from filelock import FileLock

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(target.with_name(target.name + ".lock"))
        lock.acquire()
    except OSError as error:
        raise ToolkitError(
            f"cannot write in {target.parent}: {error.strerror or error}",
            fix=f"set {VARIABLE} to a folder you may write in, or put {target.name} there",
        ) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _bar(label: str) -> Iterator[Progress]:
    """Yield a progress callback that draws a bar on stderr, on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with RichProgress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
