"""``toolkit report``: one HTML page about a project or a bundle."""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.cli._group import command
from toolkit.cli._options import PATH, common, option, timeout_option
from toolkit.cli._session import Session
from toolkit.errors import CHECK_FAILED


@command("Device", 5)
@click.argument("folder", type=PATH, default=Path("."), metavar="[DIR]")
@option("-o", "--output", type=PATH, metavar="FILE.html", help="Where the page goes; in DIR by default.")
@timeout_option(120)
@common
@click.pass_context
def report(ctx: click.Context, folder: Path, output: Path | None, timeout: float) -> None:
    """Write the report of the project or bundle DIR, one HTML page that loads nothing.

    What it needs is done first: for a project its recipe, for a bundle verification and bench. A bundle that
    differs from its reference gets its page too, and exit code 1.
    """
    from toolkit import project
    from toolkit import report as pages
    from toolkit.report.of_bundle import of_bundle
    from toolkit.report.of_project import of_project

    session: Session = ctx.obj
    differs = False
    if (folder / "manifest.json").is_file():
        from toolkit.measure.bench import bench
        from toolkit.verify.verify import verify

        verification = verify(folder, timeout_s=timeout, progress=session.detail)
        differs = not verification.ok
        facts = of_bundle(folder, bench(folder, timeout_s=timeout).to_json(), verification.to_json())
        page = pages.write(output or folder / "report.html", facts)
    else:
        from toolkit.cli._recipe import walk

        settings, _ = walk(session, folder, "report")
        page = settings.build / "report.html"
        if output is not None:
            page = pages.write(output, of_project(project.load(folder)))
    session.result({"report": str(page)})
    if not session.json:
        click.echo(f"wrote {page}")
    if differs:
        ctx.exit(CHECK_FAILED)
    session.next(f"open {page} in a browser")
