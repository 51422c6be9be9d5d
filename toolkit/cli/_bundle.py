"""Arguments of the commands that work on a bundle."""

from __future__ import annotations

import click

from toolkit.cli._options import PATH, Function, option


def bundle_argument(function: Function) -> Function:
    """Add the argument ``bundle``, a folder that ``toolkit export`` wrote."""
    return click.argument("bundle", type=PATH, metavar="DIR")(function)


def toolchain_option(function: Function) -> Function:
    """Add ``--toolchain``, one of the compilers that the target lists."""
    return option(
        "--toolchain", metavar="NAME", help="zig (default), gcc, or another that the target lists."
    )(function)


def emulator_option(function: Function) -> Function:
    """Add ``--emulator``, one of the emulators that the target lists."""
    return option(
        "--emulator", metavar="NAME", help="unicorn, qemu or native; the target's first by default."
    )(function)
