"""Copy a bundle to a device, run it there, bring the results back and compare them with the golden outputs."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from toolkit import manifest as manifests
from toolkit import tensors
from toolkit.device import targets
from toolkit.device.build import build
from toolkit.device.remote.link import Link, checked, failure
from toolkit.device.remote.results import Latency, Ran, judged, latency
from toolkit.errors import DEVICE, MISSING, USAGE, ToolkitError, suggestion
from toolkit.measure import accuracy
from toolkit.measure.figure import Figure

# What `uname -m` says where a target's programs run.
MACHINES = {
    "x86_64": ("x86_64", "amd64"),
    "aarch64": ("aarch64", "arm64"),
    "armv6": ("armv6l", "armv7l", "armv8l", "aarch64"),
}
_QUICK_S = 30.0
_ROOM_BYTES = 1 << 20  # beside the files: outputs, a compiled library
_SAFE_NAME = re.compile(r"[^A-Za-z0-9_.-]+")


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
        bundle: folder that ``toolkit export --target`` wrote for a computer or phone.
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
    bundle = Path(bundle)
    manifest = manifests.read(bundle)
    described = manifest.get("runtimes")
    if not isinstance(described, dict):
        raise ToolkitError(
            f"{bundle} holds C alone, and says of no computer that it runs there",
            fix="export it with --target rpi, rpi-zero, linux-x86, jetson or android, without --format",
        )
    manifests.read(bundle, "golden")
    entries = [entry for entry in described["files"] if _is_wanted(entry, runtimes, described)]
    where = path or f"{link.home}toolkit/{_SAFE_NAME.sub('_', manifest['name'])}"
    machine = _check_machine(link, str(manifest["target"]))
    with tempfile.TemporaryDirectory(prefix="toolkit-deploy-") as scratch:
        packed = Path(scratch) / "bundle"
        _pack(bundle, packed, manifest, entries, progress)
        _check_room(link, where, packed)
        progress(f"copy to {link.name}:{where}")
        _copy(link, packed, where, timeout_s)
        ran: list[Ran] = []
        missing: list[dict[str, str]] = []
        for entry in entries:
            if entry["runtime"] == "c":
                progress(f"run {entry['file']}")
                ran.append(_run_c(bundle, manifest, entry, link, where, repeat, timeout_s, Path(scratch)))
        others = [entry for entry in entries if entry["runtime"] != "c"]
        if others:
            found, absent = _run_files(
                bundle,
                others,
                link,
                where,
                python,
                repeat,
                timeout_s,
                Path(scratch),
                bool(runtimes),
                progress,
            )
            ran += found
            missing += absent
    if not ran:
        needs = "; ".join(dict.fromkeys(f"{each['file']} needs {each['needs']}" for each in missing))
        raise ToolkitError(f"nothing could run on {link.name}: {needs}", fix="install one of these there",
                           exit_code=MISSING)  # fmt: skip
    known = accuracy.of_bundle(bundle, manifest.get("info"))
    return Deployed(link.name, machine, where, ran, missing, manifest["name"], manifest["target"], known)


def _is_wanted(entry: dict[str, Any], runtimes: Sequence[str], described: dict[str, Any]) -> bool:
    has = list(dict.fromkeys(each["runtime"] for each in described["files"]))
    for name in runtimes:
        if name not in has:
            raise ToolkitError(f"the bundle has no files of {name}", fix=suggestion(name, has))
    return not runtimes or entry["runtime"] in runtimes


def _check_machine(link: Link, target: str) -> str:
    """Return what the device is. Raises where the bundle's programs do not run on it."""
    machine = " ".join(checked(link, "uname -srm", "asking what it is", _QUICK_S).split())
    wanted = MACHINES.get(targets.load(target).arch)
    if wanted is None:
        raise ToolkitError(
            f"bundles for {target} do not go over a shell", fix="flash or build the target's own way"
        )
    if machine.split()[-1] not in wanted:
        fits = [
            name
            for name in targets.names()
            if machine.split()[-1] in MACHINES.get(targets.load(name).arch, ())
            and targets.load(name).runtimes
        ]
        raise ToolkitError(
            f"{link.name} is a machine of another kind ({machine}) than {target}, which the bundle is for",
            fix=f"export it with --target {' or '.join(fits)}" if fits else "export it for that machine",
            exit_code=USAGE,
        )
    return machine


def _check_room(link: Link, where: str, packed: Path) -> None:
    needed = sum(file.stat().st_size for file in packed.rglob("*") if file.is_file()) + _ROOM_BYTES
    made = checked(
        link, f"mkdir -p {shlex.quote(where)} && df -Pk {shlex.quote(where)}", f"making {where}", _QUICK_S
    )
    try:
        free = int(made.strip().splitlines()[-1].split()[3]) * 1024
    except (IndexError, ValueError):  # a df of another kind: the copy will tell
        return
    if free < needed:
        raise ToolkitError(
            f"{link.name} has {free:,} bytes free for {where}, and the bundle takes {needed:,}",
            fix="free some space there, or choose another folder with --path",
            exit_code=DEVICE,
        )


def _pack(
    bundle: Path,
    packed: Path,
    manifest: dict[str, Any],
    entries: list[dict[str, Any]],
    progress: Callable[[str], None],
) -> None:
    """Lay what goes there in a folder of its own: golden data, files and programs; no sources."""
    packed.mkdir()
    for file in ("manifest.json", "run.py"):
        shutil.copyfile(bundle / file, packed / file)
    shutil.copytree(bundle / "golden", packed / "golden")
    for entry in entries:
        if entry["runtime"] == "c":
            progress("build the C program")
            shutil.copy(build(bundle, runner=True).path, packed / "runner")
            (packed / "runner").chmod(0o755)
            inputs = [np.load(bundle / file, allow_pickle=False) for file in manifest["golden"]["inputs"]]
            (packed / "input.bin").write_bytes(b"".join(tensors.to_bytes(inputs)))
        else:
            (packed / entry["file"]).parent.mkdir(exist_ok=True)
            shutil.copyfile(bundle / entry["file"], packed / entry["file"])


def _copy(link: Link, packed: Path, where: str, timeout_s: float) -> None:
    """Put the folder there under another name, then let it take its place."""
    new, there = shlex.quote(f"{where}.new"), shlex.quote(where)
    checked(link, f"rm -rf {new}", "removing what an earlier copy left", _QUICK_S)
    link.put(packed, f"{where}.new", timeout_s)
    checked(link, f"rm -rf {there} && mv {new} {there}", "putting the copy into its place", _QUICK_S)


def _run_c(
    bundle: Path,
    manifest: dict[str, Any],
    entry: dict[str, Any],
    link: Link,
    where: str,
    repeat: int,
    timeout_s: float,
    scratch: Path,
) -> Ran:
    done = link.run(f"cd {shlex.quote(where)} && chmod +x runner && ./runner {repeat}", timeout_s)
    if done.code:
        raise failure(link, done, "the C program")
    link.get(f"{where}/output.bin", scratch / "output.bin", timeout_s)
    times: list[float] = []
    if repeat:
        link.get(f"{where}/times.txt", scratch / "times.txt", timeout_s)
        try:
            times = [int(line) / 1000 for line in (scratch / "times.txt").read_text("ascii").split()]
        except ValueError as error:
            raise ToolkitError(f"{link.name}: times.txt is damaged", exit_code=DEVICE) from error
    data, count = (scratch / "output.bin").read_bytes(), int(manifest["golden"]["count"])
    size = sum(tensor["bytes"] for tensor in manifest["outputs"])
    if len(data) != size * count:
        raise ToolkitError(
            f"{link.name}: the C program wrote {len(data):,} bytes instead of {size * count:,}",
            fix="deploy the bundle again",
            exit_code=DEVICE,
        )
    rows = [data[size * i : size * (i + 1)] for i in range(count)]
    outputs = tensors.from_bytes(manifest["outputs"], rows)
    real = [tensors.to_user(*ends) for ends in zip(manifest["outputs"], outputs, strict=True)]
    return judged(bundle, entry, real, latency(times))


def _run_files(
    bundle: Path,
    entries: list[dict[str, Any]],
    link: Link,
    where: str,
    python: str,
    repeat: int,
    timeout_s: float,
    scratch: Path,
    asked: bool,
    progress: Callable[[str], None],
) -> tuple[list[Ran], list[dict[str, str]]]:
    """Run files by ``run.py``, one runtime at a time; return what ran and what is missing there."""
    here = link.run(f"{python} -c 'import numpy'", _QUICK_S)
    if here.code:
        last = (here.err.strip().splitlines() or ["it does not start"])[-1]
        needs = f"{python} there with numpy ({last}); name another Python with --python"
        if asked:
            raise ToolkitError(f"{link.name} has no Python that could run these files: {last}", exit_code=MISSING,
                               fix="apt-get install python3-numpy there, or --python VENV/bin/python")  # fmt: skip
        return [], [{"file": entry["file"], "needs": needs} for entry in entries]
    ran: list[Ran] = []
    missing: list[dict[str, str]] = []
    for runtime in dict.fromkeys(entry["runtime"] for entry in entries):
        progress(f"run {runtime}")
        command = f"{python} run.py --runtime {runtime} --all --json --time {repeat} --output outputs.npz"
        done = link.run(f"cd {shlex.quote(where)} && {command}", timeout_s)
        if done.code not in (0, 1, 3):
            raise failure(link, done, f"run.py --runtime {runtime}")
        try:
            said = json.loads(done.out.strip().splitlines()[-1])
            results = {result["file"]: result.get("latency") for result in said["results"]}
            missing += [{"file": str(each["file"]), "needs": str(each["needs"])} for each in said["missing"]]
        except (IndexError, ValueError, KeyError, TypeError) as error:
            raise failure(link, done, f"run.py --runtime {runtime}") from error
        if not results:
            continue
        link.get(f"{where}/outputs.npz", scratch / "outputs.npz", timeout_s)
        with np.load(scratch / "outputs.npz", allow_pickle=False) as arrays:
            outputs = {name: arrays[name] for name in arrays.files}
        for entry in (each for each in entries if each["file"] in results):
            got = [outputs[f"{entry['file']}:{i}"] for i in range(len(entry["golden"]))]
            ran.append(judged(bundle, entry, got, _latency(results[entry["file"]])))
    return ran, missing


def _latency(said: Any) -> Latency | None:
    if not isinstance(said, dict):
        return None
    return Latency(
        int(said["runs"]), float(said["median_us"]), float(said["spread_us"]), float(said["fastest_us"])
    )
