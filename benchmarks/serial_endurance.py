"""Very many commands over a serial line that damages messages: does anything hang, crash, or pass for what it is not?

At one end the protocol's own C, built for this machine with AddressSanitizer and UBSan, at the other `SerialLink`, and
between them a pair of pipes with faults. Every answer that `SerialLink` takes is compared with that of a second board
on a good line. Writes `benchmarks/results/serial_endurance.json`; exits with 1 when a wrong answer was taken.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import click

ROOT = Path(__file__).parents[1]
RESULT = Path(__file__).parent / "results" / "serial_endurance.json"
BYTE_S = 10 / 115_200  # on a line


@click.command(help=__doc__)
@click.option("--commands", default=110_000, show_default=True)
@click.option("--share", default=0.01, show_default=True, help="Of messages that are damaged.")
@click.option("--seed", default=0, show_default=True)
def main(commands: int, share: float, seed: int) -> None:
    """Run, write what came of it, say it."""
    sys.path.insert(0, str(ROOT))
    from tests.device import host_board, serial_twins

    with tempfile.TemporaryDirectory() as folder:
        program = host_board.sanitized(Path(folder))
        endured = serial_twins.run(program, commands, share=share, seed=seed, progress=click.echo)
    document = {"share": share, "seed": seed, **endured.to_json()}
    document["line_hours"] = round(endured.bytes * BYTE_S / 3600, 2)
    RESULT.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    click.echo(json.dumps(document, indent=2))
    sys.exit(bool(endured.wrong))


if __name__ == "__main__":
    main()
