"""One HTTP transfer into a partial file, continued where an earlier one stopped."""

from __future__ import annotations

import http.client
import re
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from toolkit import __version__
from toolkit.errors import ToolkitError

_CHUNK_BYTES = 1 << 16
_TRY_AGAIN = {408, 425, 429, 500, 502, 503, 504}
_NETWORK_ERRORS = (OSError, http.client.HTTPException)  # URLError and timeouts are OSErrors

Progress = Callable[[int, int | None], None]  # bytes so far, bytes in all when the server says so


class TransferError(Exception):
    """A transfer that did not finish; ``again`` tells whether the same address is worth another try."""

    def __init__(self, why: str, *, again: bool) -> None:
        super().__init__(why)
        self.again = again


class TooLargeError(TransferError):
    """The file is larger than it can be; what was received is of no use."""

    def __init__(self, max_bytes: int, found: int) -> None:
        super().__init__(f"{found:,} bytes where at most {max_bytes:,} were expected", again=False)


def transfer(
    url: str,
    part: Path,
    *,
    resume: bool,
    max_bytes: int,
    timeout_s: float,
    progress: Progress = lambda done, total: None,
) -> None:
    """Fetch ``url`` into ``part``.

    With ``resume``, the bytes already in ``part`` are kept and only the rest is asked for; a server that
    sends everything all the same is taken at its word and the file starts anew. ``part`` stays when the
    transfer breaks. Whether the bytes are right is the caller's question.

    Raises:
        TransferError: the server refused, vanished, stayed silent for ``timeout_s``, or sent more than
            ``max_bytes``.
        ToolkitError: ``part`` cannot be written.
    """
    have = part.stat().st_size if resume and part.exists() else 0
    headers = {"User-Agent": f"edge-toolkit/{__version__}", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    try:
        response = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=timeout_s)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 416 and have:
                return  # nothing after what we have: it is whole, or the checksum will tell
            again = error.code in _TRY_AGAIN
            raise TransferError(f"HTTP {error.code} {error.reason}", again=again) from error
    except _NETWORK_ERRORS as error:
        unknown_host = isinstance(getattr(error, "reason", None), socket.gaierror)  # offline, most likely
        raise TransferError(_reason(error, timeout_s), again=not unknown_host) from error
    with response:
        if url.startswith("https:") and not response.url.startswith("https:"):
            raise TransferError(f"redirected to an unencrypted address, {response.url}", again=False)
        start = have if response.status == 206 else 0
        if response.status == 206 and _range_start(response) != have:
            raise TransferError("the server sent another part of the file than asked for", again=False)
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isdigit() else None
        if total is not None and total > max_bytes:
            raise TooLargeError(max_bytes, total)
        _receive(
            response,
            part,
            start=start,
            total=total,
            max_bytes=max_bytes,
            timeout_s=timeout_s,
            progress=progress,
        )


def _receive(
    response: http.client.HTTPResponse,
    part: Path,
    *,
    start: int,
    total: int | None,
    max_bytes: int,
    timeout_s: float,
    progress: Progress,
) -> None:
    done = start
    progress(done, total)
    try:
        with part.open("ab" if start else "wb") as out:
            while True:
                try:
                    # read1 hands over what has arrived, so a server that falls silent costs none of it
                    chunk = response.read1(_CHUNK_BYTES)
                except _NETWORK_ERRORS as error:
                    raise TransferError(_reason(error, timeout_s), again=True) from error
                if not chunk:
                    break
                done += len(chunk)
                if done > max_bytes:
                    raise TooLargeError(max_bytes, done)
                out.write(chunk)
                progress(done, total)
    except OSError as error:
        raise ToolkitError(
            f"cannot write {part}: {error.strerror or error}",
            fix="free some space, or set TOOLKIT_DATA to a folder on another disk",
        ) from error
    if total is not None and done < total:
        raise TransferError(f"the connection broke after {done:,} of {total:,} bytes", again=True)


def _range_start(response: http.client.HTTPResponse) -> int | None:
    match = re.fullmatch(r"bytes (\d+)-\d+/(?:\d+|\*)", response.headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def _reason(error: Exception, timeout_s: float) -> str:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return f"no answer within {timeout_s:g} s"
    return str(cause) or type(cause).__name__
