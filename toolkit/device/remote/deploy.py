"""Copy a bundle to a device, run it there, bring the results back and compare them with the golden outputs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from toolkit.device import targets
from toolkit.device.remote.link import Link
from toolkit.device.remote.package import MACHINES, choose
from toolkit.device.remote.rehearsal import Rehearsal
from toolkit.device.remote.results import Ran
from toolkit.device.remote.visit import Visit
from toolkit.errors import MISSING, USAGE, ToolkitError
from toolkit.measure import accuracy
from toolkit.measure.figure import Figure


@dataclass(frozen=True)
class Deployed:
    """What ran where.

    Args:
        host: as it was called.
        machine: what ``uname -srm`` says there.
        path: the folder there.
        ran: one entry for each file.
        missing: what could not run, and what it needs there.
        model: its name.
        target: that the bundle is for.
        known: how right the C is, where somebody found out; see ``toolkit.measure.accuracy``.
    """

    host: str
    machine: str
    path: str
    ran: list[Ran]
    missing: list[dict[str, str]]
    model: str
    target: str
    known: dict[str, Figure]

    @property
    def ok(self) -> bool:
        """True when all that ran computed what is expected."""
        return all(each.ok for each in self.ran)

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON-ready data."""
        ran = [asdict(each) | {"ok": each.ok} for each in self.ran]
        return {
            "model": self.model,
            "target": self.target,
            **{name: asdict(figure) for name, figure in self.known.items()},
            "host": self.host,
            "machine": self.machine,
            "path": self.path,
            "ok": self.ok,
            "ran": ran,
            "missing": self.missing,
        }


def deploy(
    bundle: Path,
    link: Link,
    *,
    path: str | None = None,
    runtimes: Sequence[str] = (),
    python: str = "python3",
    repeat: int = 100,
    timeout_s: float = 300.0,
    progress: Callable[[str], None] = lambda _: None,
) -> Deployed:
    """Run ``bundle`` on the device behind ``link``.

    The C runs by a program that is built here; files of other runtimes by the bundle's ``run.py`` and the Python there.

    Args:
        bundle: folder that ``toolkit export --target`` wrote for a computer or phone; one of C alone will do.
        link: an open connection.
        path: the folder there, replaced as a whole; ``toolkit/NAME`` in its home by default.
        runtimes: only these; all that the bundle has by default, as far as they are there.
        python: the Python there that has the runtimes.
        repeat: how many runs to time; 0 for none.
        timeout_s: for each copy and each run.
        progress: told what takes long.

    Raises:
        ToolkitError: no such bundle or another machine than it is for (2), no Python or no runtime there (3), a full
            disk, a failing program or no answer (4).
    """
    package = choose(Path(bundle), runtimes)
    visit = Visit(package, link, path, python, repeat, timeout_s)
    machine = visit.ask_machine()
    _check_machine(link, machine, str(package.manifest["target"]))
    visit.bring(package.lay(progress), progress)
    ran: list[Ran] = []
    missing: list[dict[str, str]] = []
    with tempfile.TemporaryDirectory(prefix="toolkit-deploy-") as scratch:
        if visit.has_c:
            progress("run the C program")
            ran.append(visit.run_c(Path(scratch)))
        lacks = visit.lacks_python(asked=bool(runtimes)) if visit.others else ""
        for runtime in visit.others:
            if lacks:
                missing += [{"file": e["file"], "needs": lacks} for e in visit.entries_of(runtime)]
                continue
            progress(f"run {runtime}")
            found, absent = visit.run_files(runtime, Path(scratch))
            ran += found
            missing += absent
    if not ran:
        needs = "; ".join(dict.fromkeys(f"{each['file']} needs {each['needs']}" for each in missing))
        raise ToolkitError(f"nothing could run on {link.name}: {needs}", fix="install one of these there",
                           exit_code=MISSING)  # fmt: skip
    manifest, known = package.manifest, accuracy.of_bundle(package.bundle, package.manifest.get("info"))
    return Deployed(
        link.name, machine, visit.where, ran, missing, manifest["name"], manifest["target"], known
    )


@dataclass(frozen=True)
class Rehearsed:
    """What a deployment would do.

    Args:
        host: as it is called.
        path: the folder there.
        files: what would be copied, and lies in ``folder``: bytes by name.
        folder: here.
        commands: in order, as typed into a shell here.
    """

    host: str
    path: str
    folder: str
    files: dict[str, int]
    commands: list[str]


def rehearse(
    bundle: Path,
    link: Rehearsal,
    *,
    path: str | None = None,
    runtimes: Sequence[str] = (),
    python: str = "python3",
    repeat: int = 100,
    progress: Callable[[str], None] = lambda _: None,
) -> Rehearsed:
    """Build and pack what ``deploy`` would copy, and say what it would do; nothing is connected to.

    Arguments are those of ``deploy``, and so are the errors that come up on this side.
    """
    package = choose(Path(bundle), runtimes)
    visit = Visit(package, link, path, python, repeat, timeout_s=0.0)
    packed = package.lay(progress)
    visit.ask_machine()
    visit.bring(packed, progress)
    visit.start_all(Path())
    files = {
        file.relative_to(packed).as_posix(): file.stat().st_size
        for file in sorted(packed.rglob("*"))
        if file.is_file()
    }
    return Rehearsed(link.name, visit.where, str(packed), files, link.commands)


def _check_machine(link: Link, machine: str, target: str) -> None:
    """Raise where the bundle's programs do not run on it."""
    kind = machine.split()[-1] if machine else "unknown"
    if kind not in MACHINES[targets.load(target).arch]:
        fits = [
            name
            for name in targets.names()
            if kind in MACHINES.get(targets.load(name).arch, ()) and targets.load(name).runtimes
        ]
        raise ToolkitError(
            f"{link.name} is a machine of another kind ({machine}) than {target}, which the bundle is for",
            fix=f"export it with --target {' or '.join(fits)}" if fits else "export it for that machine",
            exit_code=USAGE,
        )
