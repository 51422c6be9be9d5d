"""Turn whatever goes wrong into ``error: / at: / fix:`` on stderr and an exit code."""

from __future__ import annotations

import difflib
import io
import os
import sys
import traceback
from collections.abc import Sequence

import click

from toolkit.cli._group import UnknownCommand
from toolkit.cli._session import Session
from toolkit.errors import USAGE, ToolkitError

INTERRUPTED = 130  # what a shell reports for Ctrl-C
BUG = 70  # EX_SOFTWARE: never one of the codes that mean something about the user's model


def run_guarded(group: click.Group, args: Sequence[str] | None = None) -> int:
    """Run ``group`` with ``args`` (``sys.argv`` by default) and return the exit code; print any error."""
    session = Session()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # an old code page must not turn a dash into a crash
    try:
        code = group.main(args=args, prog_name="toolkit", obj=session, standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except BrokenPipeError:  # `toolkit targets | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (KeyboardInterrupt, click.Abort):
        print("stopped; no half-written output is left", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        failure = as_failure(error)
        if session.verbosity >= 2:
            traceback.print_exc()
        report(failure, session)
        return failure.exit_code


def as_failure(error: Exception) -> ToolkitError:
    """Return ``error`` as a ``ToolkitError``; what nobody foresaw is called a bug."""
    if isinstance(error, ToolkitError):
        return error
    if isinstance(error, click.UsageError):
        return _usage(error)
    if isinstance(error, click.ClickException):
        return ToolkitError(error.format_message(), exit_code=error.exit_code)
    if isinstance(error, OSError) and error.filename is None:
        return ToolkitError(
            error.strerror or str(error), fix="check free space, rights and the temporary folder"
        )
    if isinstance(error, OSError):
        return ToolkitError(
            f"{error.strerror or error}", at=str(error.filename), fix="check the path and its rights"
        )
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return ToolkitError(
        f"{type(error).__name__}: {error}".strip().rstrip(":"),
        at=f"{frame.filename}:{frame.lineno}, in {frame.name}",
        fix="this is a bug in toolkit: run again with -vv and report the traceback",
        exit_code=BUG,
    )


def _usage(error: click.UsageError) -> ToolkitError:
    command = error.ctx.command_path if error.ctx else "toolkit"
    near: Sequence[str] = ()
    if isinstance(error, UnknownCommand):
        near = error.possibilities
    elif isinstance(error, click.NoSuchOption):
        names = [name for param in (error.ctx.command.params if error.ctx else []) for name in param.opts]
        near = difflib.get_close_matches(error.option_name, [*names, "--help"], n=3)
    fix = f"did you mean {' or '.join(near)}?" if near else f"see `{command} --help`"
    what = error.message if isinstance(error, UnknownCommand) else error.format_message()
    if isinstance(error, click.NoSuchOption):
        what = f"no option {error.option_name}"
    return ToolkitError(what[:1].lower() + what[1:].rstrip("."), at=command, fix=fix, exit_code=USAGE)


def report(failure: ToolkitError, session: Session) -> None:
    """Print ``failure`` for the person on stderr, and for a program on stdout when ``--json`` was asked."""
    session.result(
        {
            "error": {"what": failure.what, "at": failure.at, "fix": failure.fix},
            "exit_code": failure.exit_code,
        }
    )
    sys.stdout.flush()
    print(f"error: {failure}", file=sys.stderr)
