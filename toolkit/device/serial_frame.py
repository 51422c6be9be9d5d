"""The checked form of commands and answers: length and CRC around what can also be typed; see docs/serial.md."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

LINE_BYTES = 271  # the longest line of runtime/harness/main_serial.c, without its per cent sign
COMMAND_BYTES = LINE_BYTES - len("#999999999:999::12345678")  # the longest command within
SEQUENCES = 999_999_999  # sequence numbers have at most nine digits
READY = b"m-ready\r\n"

_CHECK = re.compile(rb"m-crc-\[(\d{1,9}):(\d{1,9}):([0-9a-f]{8})\]\r\n")


@dataclass(frozen=True)
class Heard:
    """What stands in received bytes: ``used`` of them are done with.

    ``body`` holds the lines of the answer that was waited for, without its check. ``damaged``: an answer ended, and it
    is no good.
    """

    used: int
    body: bytes | None = None
    damaged: bool = False


def frame(sequence: int, command: str) -> bytes:
    """Return ``command`` in checked form, per cent sign included."""
    text = f"{sequence}:{len(command)}:{command}".encode("ascii")
    return b"#%s:%08x%%" % (text, zlib.crc32(text))


def find(data: bytes | bytearray, sequence: int, *, lone: bool = False) -> Heard | None:
    """Look for the end of an answer in ``data``; return None when there is none yet.

    Of a checked answer as many bytes as it says count, before its check: what lies before them is noise, or was cut
    off an earlier one. Answers to other commands than ``sequence`` are passed over, and so is a lone ``m-ready``
    unless ``lone`` says that it is an answer.
    """
    at = 0
    while True:
        check, ready = _CHECK.search(data, at), data.find(READY, at)
        if check is not None and (ready < 0 or check.start() < ready):
            number, length = int(check[1]), int(check[2])
            body = bytes(data[max(0, check.start() - length) : check.start()])
            good = len(body) == length and zlib.crc32(
                data[check.start(1) : check.end(2)], zlib.crc32(body)
            ) == int(check[3], 16)
            if good and number == sequence:
                return Heard(_behind_ready(data, check.end()), body)
            if not good:
                return Heard(_behind_ready(data, check.end()), damaged=True)
            at = _behind_ready(data, check.end())
        elif ready >= 0:
            end = ready + len(READY)
            if lone or data[at:ready].strip():
                return Heard(end, damaged=True)
            at = end
        else:
            return Heard(at) if at else None


def _behind_ready(data: bytes | bytearray, at: int) -> int:
    return at + len(READY) if data.startswith(READY, at) else at
