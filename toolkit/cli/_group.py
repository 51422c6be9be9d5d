"""The command group: finds one command per file in this folder and imports it only when it is asked for."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable
from typing import Any

import click

import toolkit as package
from toolkit import cli
from toolkit.cli._session import Session

SECTIONS = ("Project", "Model", "Device", "Knowledge")


class Command(click.Command):
    """A command with its place in ``toolkit --help``."""

    def __init__(self, *args: Any, section: str, step: int, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.section = section
        self.step = step

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what libraries log and warn about is for ``--verbose`` only."""
        if ctx.ensure_object(Session).verbosity < 1:
            import logging
            import warnings

            logging.disable(logging.WARNING)
            warnings.simplefilter("ignore")
        return super().invoke(ctx)


def command(section: str, step: int, **attributes: Any) -> Callable[[Callable[..., Any]], Command]:
    """``click.command`` for a ``Command`` that ``toolkit --help`` lists as number ``step`` of ``section``."""
    return click.command(cls=Command, section=section, step=step, **attributes)


class UnknownCommand(click.UsageError):
    """A command that is not there, with the nearest names that are."""

    def __init__(self, name: str, possibilities: list[str], ctx: click.Context) -> None:
        super().__init__(f"no command {name!r}", ctx)
        self.possibilities = possibilities


class Commands(click.Group):
    """The commands of this folder: ``export.py`` is ``toolkit export``; ``_group.py`` is no command."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands' names, by file name."""
        names = (module.name for module in pkgutil.iter_modules(cli.__path__))
        return sorted(name.replace("_", "-") for name in names if not name.startswith("_"))

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import ``name``'s module and return its command, or None."""
        if name not in self.list_commands(ctx):
            return None
        function = name.replace("-", "_")
        found = getattr(importlib.import_module(f"toolkit.cli.{function}"), function, None)
        assert isinstance(found, Command), f"toolkit/cli/{function}.py must define the @command `{function}`"
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that ``args`` name, in one word or two: ``bench rules`` is ``bench_rules.py``.

        An option may be the second word: ``bench --all DIR`` and ``bench DIR --all`` are ``bench_all.py``.

        Raises:
            UnknownCommand: there is none; the error lists near names.
        """
        known = self.list_commands(ctx)
        second = [1, *(at for at, word in enumerate(args) if word.startswith("--"))]
        for at in second if len(args) > 1 else ():
            two = f"{args[0]}-{args[at].removeprefix('--')}"
            if two in known:
                args = [two, *args[1:at], *args[at + 1 :]]
                break
        name = args[0]
        if name.startswith("-") or self.get_command(ctx, name):
            return super().resolve_command(ctx, args)
        raise UnknownCommand(name, difflib.get_close_matches(name, self.list_commands(ctx), n=3), ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by section, in the order of work."""
        found = [self.get_command(ctx, name) for name in self.list_commands(ctx)]
        listed = [item for item in found if isinstance(item, Command)]
        for section in SECTIONS:
            members = sorted((item for item in listed if item.section == section), key=lambda item: item.step)
            if not members:
                continue
            with formatter.section(section):
                formatter.write_dl([(item.name or "", item.get_short_help_str(limit=90)) for item in members])


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={
        "auto_envvar_prefix": "TOOLKIT",
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
    },
    epilog="Every option is also an environment variable: --target is TOOLKIT_TARGET, or "
    "TOOLKIT_EXPORT_TARGET for one command. Start with `toolkit init`, then `toolkit make`.",
)
@click.version_option(package.__version__, prog_name="toolkit", message="%(prog)s %(version)s")
@click.pass_context
def toolkit(ctx: click.Context) -> None:
    """From a neural network to a running microcontroller, proven to the bit."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
