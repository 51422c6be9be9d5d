"""``toolkit generate``: let a language model write on its target."""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.cli._bundle import bundle_argument, emulator_option, toolchain_option
from toolkit.cli._group import command
from toolkit.cli._options import common, option, timeout_option
from toolkit.cli._session import Session


@command("Device", 3)
@bundle_argument
@option("-p", "--prompt", default="\n", show_default=True, help="The text to go on from.")
@option("-n", "--tokens", default=100, show_default=True, metavar="N", help="How many tokens to write.")
@option("--temperature", default=0.0, show_default=True, metavar="T",
        help="0 takes the most probable token each time, 1 draws by the model's probabilities.")  # fmt: skip
@option("--seed", default=1, show_default=True, metavar="N", help="Of the drawing.")
@option("-t", "--target", metavar="NAME", help="Another target than the bundle's own: host, say.")
@emulator_option
@toolchain_option
@timeout_option(600)
@common
@click.pass_obj
def generate(
    session: Session,
    bundle: Path,
    prompt: str,
    tokens: int,
    temperature: float,
    seed: int,
    target: str | None,
    emulator: str | None,
    toolchain: str | None,
    timeout: float,
) -> None:
    """Let the language model in the bundle DIR write, token by token as the device makes them.

    The same text comes from every target: the arithmetic and the drawing are whole numbers.
    """
    from toolkit.generate import generate as write

    begun = False

    def show(text: str) -> None:
        nonlocal begun
        if not session.json:
            click.echo(text if begun else prompt + text, nl=False)
        begun = True

    done = write(
        bundle,
        prompt,
        tokens=tokens,
        temperature=temperature,
        seed=seed,
        target=target,
        emulator=emulator,
        toolchain=toolchain,
        timeout_s=timeout,
        on_text=show,
    )
    show("\n")
    session.result(
        {"text": done.text, "tokens": done.tokens, "target": done.target, "emulator": done.emulator}
    )
    session.say(f"{len(done.tokens)} tokens on {done.target} under {done.emulator}")
    session.next(f"toolkit bench {bundle}")
