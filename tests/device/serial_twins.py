"""Two boards with the same firmware are told the same: one over a line on which things go wrong, one by a good line.

Whatever the first one is believed to have said must be what the second one says: nothing is lost, done twice or
misheard. A board that is reset in between has to be noticed at the next command.
"""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.device import learner
from tests.device.faulty_line import FaultyLine
from tests.device.host_board import HostBoard
from toolkit.device.serial_checked import CheckedTalk
from toolkit.device.serial_link import SerialLink
from toolkit.device.serial_plain import PlainTalk
from toolkit.errors import ToolkitError

SAMPLE_BYTES = 4 * learner.FEATURES
PATIENCE_S = 0.03  # a pipe has no baud rate
_TIMES = re.compile(r"m-lap-us-\d+|m-(layer-)?cycles-\[[\d,]*\]")
_REFUSED = re.compile(r"the board refuses `.*?`: (.*)")


@dataclass
class Endured:
    """What happened. ``wrong`` holds commands whose accepted answers differ: it must stay empty."""

    commands: int = 0
    refused: int = 0  # of them, by the board: they were wrong
    resets: int = 0
    resets_told: int = 0
    given_up: int = 0  # a good answer did not come, or the board had obeyed something else: an error said so
    faults: dict[str, int] = field(default_factory=dict)
    bytes: int = 0  # out and back
    longest_s: float = 0.0  # that one command took
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return asdict(self)


def run(
    program: Path,
    commands: int,
    *,
    share: float = 0.01,
    reset_share: float = 0.0005,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> Endured:
    """Tell two boards ``commands`` commands.

    Args:
        program: of ``host_board.sanitized``.
        commands: how many.
        share: of messages, commands and answers, that are damaged.
        reset_share: of commands before which the board is reset, in the middle of one half of the time.
        seed: of commands and faults.
        progress: is told now and then.
    """
    chance, result, faults = random.Random(seed), Endured(), Counter[str]()
    started = time.monotonic()
    with HostBoard(program) as board, HostBoard(program) as twin, SerialLink(twin, checked=False) as good:
        line = FaultyLine(board, 0.0, seed + 1)
        link = SerialLink(line, checked=True, patience_s=PATIENCE_S)
        line.share = share
        assert isinstance(link.talk, CheckedTalk)
        while result.commands < commands:
            command = _command(chance)
            result.commands += 1
            if not result.commands % 5000:
                progress(
                    f"{result.commands:,} commands, {len(result.wrong)} wrong, {time.monotonic() - started:.0f} s"
                )
            was_reset = chance.random() < reset_share and link.talk.in_step  # else it has begun anew anyway
            if was_reset:
                if chance.random() < 0.5:
                    board.write(b"#123:7:tra"[: chance.randint(1, 10)])
                board.reset()
                result.resets += 1
            began = time.monotonic()
            heard = _ask(link, command)
            result.longest_s = max(result.longest_s, time.monotonic() - began)
            if heard is None:
                result.given_up += not was_reset
                result.resets_told += was_reset
                board.reset()
                twin.reset()
                good.line.data.clear()
                assert isinstance(good.talk, PlainTalk)
                good.talk.synchronize()
                continue
            told = _ask(good, command)
            result.refused += isinstance(told, str)
            if was_reset or heard != told:
                result.wrong.append(f"{command}: {heard} instead of {told}")
        faults, result.bytes = line.faults, line.bytes
    result.faults, result.seconds = dict(sorted(faults.items())), time.monotonic() - started
    return result


def _ask(link: SerialLink, command: str) -> list[str] | str | None:
    """Return the lines of an answer without times, the words of a refusal, or None when the link gave up."""
    try:
        return [line for line in link.ask(command) if not _TIMES.fullmatch(line)]
    except ToolkitError as error:
        if found := _REFUSED.fullmatch(error.what):
            return found[1]
        return None


def _command(chance: random.Random) -> str:
    """Return a command that mostly makes sense where it stands."""
    size = chance.choice((1, 8, 16, 31, SAMPLE_BYTES, SAMPLE_BYTES, SAMPLE_BYTES, SAMPLE_BYTES))
    data = learner.samples(1, chance.randrange(50))[0].tobytes()[:size]
    return chance.choices(
        [
            f"db load {SAMPLE_BYTES}", f"db {data.hex()}", f"label {chance.randrange(5)}",
            f"train {chance.choice(('0.1', '1e-2', '0.05 3', '0', 'x'))}",
            f"infer {chance.randint(1, 3)} {chance.randint(0, 2)}", "accuracy", "outputs", "results", "states",
            "save", "load", "reset", "db print", "layers", "name", "profile", "help", "stats",
            "".join(chance.choice("abc 123,.:-[]") for _ in range(chance.randint(0, 240))),
        ],
        (12, 16, 8, 12, 6, 6, 6, 3, 8, 2, 2, 1, 3, 2, 1, 1, 1, 0, 2),
    )[0]  # fmt: skip
