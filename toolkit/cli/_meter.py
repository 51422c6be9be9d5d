"""Options that say which meter to measure energy with, and the meter, opened."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from toolkit.cli._options import Function, option
from toolkit.errors import ToolkitError

if TYPE_CHECKING:
    from toolkit.measure.energy.metered import Metering


@dataclass(frozen=True)
class Wanted:
    """A meter by its name, where it is, its settings, and how long to watch the board idle."""

    name: str
    port: str | None
    settings: dict[str, str]
    idle_s: float

    @contextmanager
    def opened(self) -> Iterator[Metering]:
        """Yield the open meter, once the supply that it may give is steady."""
        import time

        from toolkit.measure import meters
        from toolkit.measure.energy.metered import Metering

        with meters.make(self.name, self.port, self.settings) as meter:
            time.sleep(meter.settle_s())
            yield Metering(meter, self.name, self.idle_s)


def meter_options(function: Function) -> Function:
    """Add ``--meter`` and what belongs to it, as ``meter``: ``Wanted``, or None."""

    @functools.wraps(function)
    def run(
        *args: Any,
        meter: str | None,
        meter_port: str | None,
        meter_options: tuple[str, ...],
        idle: float,
        **given: Any,
    ) -> Any:
        if meter is None and (meter_port or meter_options):
            raise ToolkitError("a meter's port and options, and no meter", fix="add --meter NAME")
        if meter == "recorded":
            raise ToolkitError(
                "a recorded trace knows nothing of this board",
                fix="take its energy with `toolkit energy TRACE`",
            )
        wanted = None if meter is None else Wanted(meter, meter_port, settings(meter_options), idle)
        return function(*args, meter=wanted, **given)

    for added in (
        option("--idle", type=click.FloatRange(0.1, 600), default=1.0, show_default=True, metavar="SECONDS",
               help="With --meter: how long to watch idling, before each series of windows."),
        option("--meter-option", "meter_options", multiple=True, metavar="NAME=VALUE",
               help="Set up the meter: `toolkit meters NAME` lists its options."),
        option("--meter-port", metavar="PORT", help="Where the meter is: a serial port, a bus."),
        option("--meter", metavar="NAME", help="Measure energy with it: `toolkit meters` lists them."),
    ):  # fmt: skip
        run = added(run)
    return run  # type: ignore[return-value]


def settings(given: tuple[str, ...]) -> dict[str, str]:
    """Return what ``--meter-option NAME=VALUE`` says, by name."""
    for text in given:
        if "=" not in text:
            raise ToolkitError(f"--meter-option {text[:40]} has no value", fix=f"say {text[:40]}=VALUE")
    return {name.strip(): value.strip() for name, _, value in (text.partition("=") for text in given)}
