"""One deployment: what is asked, copied, started and fetched on the device, and what came of it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np

from toolkit import tensors
from toolkit.device.remote.link import Done, Link, checked, failure
from toolkit.device.remote.package import Package
from toolkit.device.remote.results import Latency, Ran, judged, latency
from toolkit.errors import DEVICE, MISSING, ToolkitError

_QUICK_S = 30.0
_ROOM_BYTES = 1 << 20  # beside the files: outputs, a compiled library


class Visit:
    """A package on its way to one device.

    What only starts something there reads no answer, so that a ``Rehearsal`` goes the same way.

    Args:
        package: what is to run.
        link: to the device.
        path: the folder there; ``toolkit/NAME`` in its home where None.
        python: the Python there.
        repeat: how many runs to time; 0 for none.
        timeout_s: for each copy and each run.
    """

    def __init__(
        self, package: Package, link: Link, path: str | None, python: str, repeat: int, timeout_s: float
    ) -> None:
        self.package, self.link, self.python = package, link, python
        self.repeat, self.timeout_s = repeat, timeout_s
        self.where = path or f"{link.home}toolkit/{package.folder_name}"
        runtimes = list(dict.fromkeys(entry["runtime"] for entry in package.entries))
        self.has_c, self.others = "c" in runtimes, [name for name in runtimes if name != "c"]

    def entries_of(self, runtime: str) -> list[dict[str, Any]]:
        """Return the files of one runtime."""
        return [entry for entry in self.package.entries if entry["runtime"] == runtime]

    def ask_machine(self) -> str:
        """Return what ``uname -srm`` says there."""
        return " ".join(checked(self.link, "uname -srm", "asking what it is", _QUICK_S).split())

    def bring(self, packed: Path, progress: Any) -> None:
        """Put the folder there under another name, then let it take its place.

        Raises:
            ToolkitError: too little room, or the copy fails (4).
        """
        self._check_room(packed)
        progress(f"copy to {self.link.name}:{self.where}")
        new, there = shlex.quote(f"{self.where}.new"), shlex.quote(self.where)
        checked(self.link, f"rm -rf {new}", "removing what an earlier copy left", _QUICK_S)
        self.link.put(packed, f"{self.where}.new", self.timeout_s)
        checked(self.link, f"rm -rf {there} && mv {new} {there}", "putting the copy into its place", _QUICK_S)

    def start_all(self, scratch: Path) -> None:
        """Start everything there and fetch what it leaves, unread."""
        if self.has_c:
            self._start_c(scratch)
        if self.others:
            self._try_python()
        for runtime in self.others:
            self._start_files(runtime)
            self._fetch("outputs.npz", scratch)

    def run_c(self, scratch: Path) -> Ran:
        """Run the program of the bundle's C.

        Raises:
            ToolkitError: it fails or leaves something else than it should (4).
        """
        (entry,) = self.entries_of("c")
        self._start_c(scratch)
        times: list[float] = []
        if self.repeat:
            try:
                times = [int(line) / 1000 for line in (scratch / "times.txt").read_text("ascii").split()]
            except ValueError as error:
                raise ToolkitError(
                    f"{self.link.name}: times.txt is damaged", fix="deploy the bundle again", exit_code=DEVICE
                ) from error
        manifest = self.package.manifest
        data, count = (scratch / "output.bin").read_bytes(), int(manifest["golden"]["count"])
        size = sum(tensor["bytes"] for tensor in manifest["outputs"])
        if len(data) != size * count:
            raise ToolkitError(
                f"{self.link.name}: the C program wrote {len(data):,} bytes instead of {size * count:,}",
                fix="deploy the bundle again",
                exit_code=DEVICE,
            )
        rows = [data[size * i : size * (i + 1)] for i in range(count)]
        outputs = tensors.from_bytes(manifest["outputs"], rows)
        real = [tensors.to_user(*ends) for ends in zip(manifest["outputs"], outputs, strict=True)]
        return judged(entry, self.package.wanted(entry), real, latency(times))

    def lacks_python(self, asked: bool) -> str:
        """Return what the device needs to run files of other runtimes, empty where it has it.

        Raises:
            ToolkitError: it lacks it, and the runtimes were ``asked`` for by name (3).
        """
        here = self._try_python()
        if not here.code:
            return ""
        last = (here.err.strip().splitlines() or ["it does not start"])[-1]
        if asked:
            raise ToolkitError(f"{self.link.name} has no Python that could run these files: {last}", exit_code=MISSING,
                               fix="apt-get install python3-numpy there, or --python VENV/bin/python")  # fmt: skip
        return f"{self.python} there with numpy ({last}); name another Python with --python"

    def run_files(self, runtime: str, scratch: Path) -> tuple[list[Ran], list[dict[str, str]]]:
        """Run the files of one runtime by ``run.py``; return what ran, and what is missing there.

        Raises:
            ToolkitError: it fails (4).
        """
        done = self._start_files(runtime)
        if done.code not in (0, 1, 3):
            raise failure(self.link, done, f"run.py --runtime {runtime}")
        try:
            said = json.loads(done.out.strip().splitlines()[-1])
            results = {result["file"]: result.get("latency") for result in said["results"]}
            missing = [{"file": str(each["file"]), "needs": str(each["needs"])} for each in said["missing"]]
        except (IndexError, ValueError, KeyError, TypeError) as error:
            raise failure(self.link, done, f"run.py --runtime {runtime}") from error
        if not results:
            return [], missing
        self._fetch("outputs.npz", scratch)
        with np.load(scratch / "outputs.npz", allow_pickle=False) as arrays:
            outputs = {name: arrays[name] for name in arrays.files}
        ran = []
        for entry in (each for each in self.entries_of(runtime) if each["file"] in results):
            got = [outputs[f"{entry['file']}:{i}"] for i in range(len(entry["golden"]))]
            ran.append(judged(entry, self.package.wanted(entry), got, _latency(results[entry["file"]])))
        return ran, missing

    def _check_room(self, packed: Path) -> None:
        needed = sum(file.stat().st_size for file in packed.rglob("*") if file.is_file()) + _ROOM_BYTES
        where = shlex.quote(self.where)
        made = checked(self.link, f"mkdir -p {where} && df -Pk {where}", f"making {self.where}", _QUICK_S)
        try:
            free = int(made.strip().splitlines()[-1].split()[3]) * 1024
        except (IndexError, ValueError):  # a df of another kind: the copy will tell
            return
        if free < needed:
            raise ToolkitError(
                f"{self.link.name} has {free:,} bytes free for {self.where}, and the bundle takes {needed:,}",
                fix="free some space there, or choose another folder with --path",
                exit_code=DEVICE,
            )

    def _start_c(self, scratch: Path) -> None:
        done = self._run(f"chmod +x runner && ./runner {self.repeat}")
        if done.code:
            raise failure(self.link, done, "the C program")
        self._fetch("output.bin", scratch)
        if self.repeat:
            self._fetch("times.txt", scratch)

    def _try_python(self) -> Done:
        return self.link.run(f"{self.python} -c 'import numpy'", _QUICK_S)

    def _start_files(self, runtime: str) -> Done:
        options = f"--runtime {runtime} --all --json --time {self.repeat} --output outputs.npz"
        return self._run(f"{self.python} run.py {options}")

    def _run(self, command: str) -> Done:
        return self.link.run(f"cd {shlex.quote(self.where)} && {command}", self.timeout_s)

    def _fetch(self, file: str, scratch: Path) -> None:
        self.link.get(f"{self.where}/{file}", scratch / file, self.timeout_s)


def _latency(said: Any) -> Latency | None:
    if not isinstance(said, dict):
        return None
    return Latency(
        int(said["runs"]), float(said["median_us"]), float(said["spread_us"]), float(said["fastest_us"])
    )
