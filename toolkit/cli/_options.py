"""Options that several commands share; each is also an environment variable.

``--target`` of ``export`` reads ``TOOLKIT_EXPORT_TARGET``, then ``TOOLKIT_TARGET``. A flag beats both.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from toolkit.cli._session import Session

Function = TypeVar("Function", bound=Callable[..., Any])
PATH: click.Path = click.Path(path_type=Path)
_FACTORS = {"": 1, "k": 1 << 10, "m": 1 << 20}


class ByteCount(click.ParamType):
    """A number of bytes: 4096, 64k or 1M (1024 and 1024**2)."""

    name = "bytes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number of bytes that ``value`` says."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"([0-9]{1,12})([km]?)(?:i?b)?", value.strip().lower())
        if found is None or int(found[1]) == 0:
            self.fail(f"{value!r} is no number of bytes; write 65536, 64k or 1M", param, ctx)
        return int(found[1]) * _FACTORS[found[2]]


class Option(click.Option):
    """An option that falls back to ``TOOLKIT_<NAME>`` when ``TOOLKIT_<COMMAND>_<NAME>`` is not set."""

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """Return the text of the environment variable in force, or None."""
        value = super().resolve_envvar_value(ctx)
        if value is None and self.name:
            value = os.environ.get(f"TOOLKIT_{self.name.upper()}") or None
        return value


def option(*names: str, **attributes: Any) -> Callable[[Function], Function]:
    """``click.option`` for an ``Option``."""
    return click.option(*names, cls=Option, **attributes)


def _remember(field: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def store(ctx: click.Context, _param: click.Parameter, value: Any) -> None:
        session = ctx.ensure_object(Session)
        session.command = ctx.info_name or ""
        if field == "quiet":
            session.verbosity = -1 if value else session.verbosity
        elif field == "verbose":
            session.verbosity = value or session.verbosity
        else:
            session.json = value

    return store


def common(function: Function) -> Function:
    """Add ``--json``, ``-v`` and ``-q``; they set the ``Session`` and are not passed to the command."""
    quiet = option(
        "-q", "--quiet", is_flag=True, expose_value=False, is_eager=True, callback=_remember("quiet"),
        help="Say nothing but results and errors.",
    )  # fmt: skip
    verbose = option(
        "-v", "--verbose", count=True, expose_value=False, is_eager=True, callback=_remember("verbose"),
        help="Say more; -vv shows tracebacks.",
    )  # fmt: skip
    as_json = option(
        "--json", is_flag=True, expose_value=False, is_eager=True, callback=_remember("json"),
        help="Print one JSON document on stdout.",
    )  # fmt: skip
    return as_json(verbose(quiet(function)))


def project_option(function: Function) -> Function:
    """Add ``--project DIR``, the folder (or file) of ``toolkit.toml``."""
    return option(
        "--project",
        type=PATH,
        default=Path("."),
        metavar="DIR",
        help="Folder of toolkit.toml; here by default.",
    )(function)


def nir_options(function: Function) -> Function:
    """Add what a NIR file leaves open, as ``nir``: ``Settings``, or None where nothing is given."""
    names = ("dt", "discretisation", "reset", "fires")

    @functools.wraps(function)
    def run(*args: Any, **given: Any) -> Any:
        settings = {name: value for name in names if (value := given.pop(name)) is not None}
        if not settings:
            return function(*args, nir=None, **given)
        from toolkit.spiking.nir.settings import Settings

        return function(*args, nir=Settings(**settings), **given)

    for added in (
        option("--fires", type=click.Choice(["at", "above"]),
               help="Of a .nir: spike at the threshold, or only above it as NIR says (default)."),
        option("--reset", type=click.Choice(["zero", "subtract", "none"]),
               help="Of a .nir: after a spike go to v_reset, subtract the threshold, or neither."),
        option("--discretisation", type=click.Choice(["exact", "euler"]),
               help="Of a .nir: how its equations become steps."),
        option("--dt", type=float, metavar="SECONDS", help="Of a .nir: length of a step."),
    ):  # fmt: skip
        run = added(run)
    return run  # type: ignore[return-value]


def timeout_option(default: float) -> Callable[[Function], Function]:
    """Add ``--timeout SECONDS``, for anything that waits for another program."""
    return option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        default=default,
        show_default=True,
        metavar="SECONDS",
        help="Give up on a compiler or an emulator after so long.",
    )


def port_options(function: Function) -> Function:
    """Add ``--port`` and ``--baud``, of a board's serial line."""
    port = option("-p", "--port", metavar="PORT",
                  help="A board's serial port: /dev/ttyACM0, COM3, socket://HOST:PORT.")  # fmt: skip
    baud = option("-b", "--baud", type=click.IntRange(300, 12_000_000), default=115_200, show_default=True,
                  metavar="BAUD", help="Of the serial port.")  # fmt: skip
    return port(baud(function))
