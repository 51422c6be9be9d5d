"""What every meter is asked and gives back."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import ClassVar, Self

from toolkit.errors import ToolkitError, suggestion
from toolkit.measure.energy.trace import Trace

MOST_SAMPLES = 10_000_000  # of one trace: some hundred bytes each while it is converted


@dataclass(frozen=True)
class Accuracy:
    """How wrong a meter may be: a share of what it shows, and a power that it may be off at any reading.

    ``source`` is the document that states it. ``stated`` is False where no document states a figure: results then say
    that their uncertainty leaves the meter out.
    """

    share: float
    offset_w: float
    source: str
    stated: bool = True


@dataclass(frozen=True)
class Facts:
    """What a person has to know of a meter before using it.

    Args:
        title: its full name.
        measures: what it measures, how fast and how finely.
        accuracy: in words, with the document that says so.
        needs: what must be installed or allowed.
        wiring: which of its pins go where on a board.
        options: ``--meter-option`` names with what they mean, defaults included.
        window_s: how long a window should last, for its rate and its edges to matter little.
        marks: whether it has an input that marks windows.
    """

    title: str
    measures: str
    accuracy: str
    needs: str
    wiring: str
    options: Mapping[str, str]
    window_s: float
    marks: bool


class Meter(ABC):
    """One meter. Use it in a ``with`` statement: entering opens it, leaving lets it go.

    A subclass is the only public class of its module, called ``METER`` there, and is made with a port (a serial port, a
    bus, a file; None for the only one there is) and its options. No method waits for ever.
    """

    FACTS: ClassVar[Facts]

    def __init__(self, port: str | None, options: Options) -> None:
        self.port, self.options = port, options

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def open(self) -> None:
        """Find the meter and set it up; a meter that feeds the board switches it on.

        Raises:
            ToolkitError: it is not there (3), or does not answer as it should (4).
        """

    @abstractmethod
    def start(self) -> None:
        """Begin to measure. Raises ``ToolkitError`` as ``open``."""

    @abstractmethod
    def stop(self) -> Trace:
        """Stop, and return all since ``start``.

        Raises:
            ToolkitError: it failed on the way, gave nothing, or too much of it was lost or garbled (4).
        """

    @abstractmethod
    def close(self) -> None:
        """Let the meter go; harmless when it was never opened."""

    @abstractmethod
    def accuracy(self) -> Accuracy:
        """Return how wrong it may be, as it is set up."""

    def longest_s(self) -> float:
        """Return how long it may measure at a time, before what it gives no longer fits in memory."""
        return 3600.0

    def settle_s(self) -> float:
        """Return how long after ``open`` the board's supply needs to be steady."""
        return 0.0


class Options(dict[str, str]):
    """``--meter-option`` settings; each is asked for by its name, and what nobody knows is an error."""

    def __init__(self, given: Mapping[str, str], known: Mapping[str, str], meter: str) -> None:
        super().__init__(given)
        self.meter = meter
        for name in given:
            if name not in known:
                raise ToolkitError(f"{meter} has no option {name!r:.40}", fix=suggestion(name, list(known)))

    def number(self, name: str, default: float | None, low: float, high: float) -> float:
        """Return a number between ``low`` and ``high``; without a default it must be given."""
        if name not in self:
            if default is None:
                raise ToolkitError(
                    f"{self.meter} needs to know {name}", fix=f"add --meter-option {name}=NUMBER"
                )
            return default
        text = self[name].strip()
        scale = {"%": 0.01, "k": 1e3, "m": 1e-3, "u": 1e-6}.get(text[-1:], 1.0)
        digits = text[:-1] if scale != 1.0 else text
        if not re.fullmatch(r"\d{1,9}(\.\d{0,9})?(e[+-]?\d{1,2})?", digits):
            raise self._wrong(name, "is no number")
        value = float(digits) * scale
        if not low <= value <= high:
            raise self._wrong(name, f"lies outside {low:g} to {high:g}")
        return value

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """Return one of ``choices``, the first unless told."""
        value = self.get(name, choices[0])
        if value not in choices:
            raise self._wrong(name, f"is none of {', '.join(choices)}")
        return value

    def _wrong(self, name: str, why: str) -> ToolkitError:
        return ToolkitError(
            f"{name}={self[name]!r:.40} {why}", at=self.meter, fix=f"change --meter-option {name}=…"
        )
