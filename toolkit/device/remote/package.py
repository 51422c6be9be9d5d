"""What goes to a device: golden data, files and programs of a bundle, in a folder of their own."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from toolkit import atomic, tensors
from toolkit import manifest as manifests
from toolkit.device import targets
from toolkit.device.build import build
from toolkit.errors import ToolkitError, suggestion
from toolkit.runtimes.compare import c_bounds

# What `uname -m` says where a target's programs run.
MACHINES = {
    "x86_64": ("x86_64", "amd64"),
    "aarch64": ("aarch64", "arm64"),
    "armv6": ("armv6l", "armv7l", "armv8l", "aarch64"),
}
_SAFE_NAME = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True)
class Package:
    """What of a bundle is to run on a device.

    Args:
        bundle: its folder.
        manifest: of the bundle.
        entries: the files that are wanted, as the manifest's ``runtimes`` describes them; of a bundle of C alone one.
    """

    bundle: Path
    manifest: dict[str, Any]
    entries: list[dict[str, Any]]

    @property
    def folder_name(self) -> str:
        """The model's name, of letters that need no quotes."""
        return _SAFE_NAME.sub("_", str(self.manifest["name"]))

    def lay(self, progress: Callable[[str], None]) -> Path:
        """Build what is to be built, put all into ``build/deploy`` of the bundle, without sources; return that folder.

        Raises:
            ToolkitError: as ``build``; the disk is full.
        """
        folder = self.bundle / "build" / "deploy"
        with atomic.replacing(folder) as new:
            new.mkdir()
            for file in ("manifest.json", "run.py"):
                if (self.bundle / file).is_file():  # a bundle of C alone has no run.py
                    shutil.copyfile(self.bundle / file, new / file)
            shutil.copytree(self.bundle / "golden", new / "golden")
            for entry in self.entries:
                if entry["runtime"] == "c":
                    progress("build the C program")
                    self._lay_program(new)
                else:
                    (new / entry["file"]).parent.mkdir(exist_ok=True)
                    shutil.copyfile(self.bundle / entry["file"], new / entry["file"])
        return folder

    def wanted(self, entry: dict[str, Any]) -> list[np.ndarray]:
        """Return the real numbers that a file should compute of the golden samples, one array per output."""
        if "golden" in entry:
            return [np.load(self.bundle / file, allow_pickle=False) for file in entry["golden"]]
        outputs = [np.load(self.bundle / f, allow_pickle=False) for f in self.manifest["golden"]["outputs"]]
        return [tensors.to_user(*ends) for ends in zip(self.manifest["outputs"], outputs, strict=True)]

    def _lay_program(self, folder: Path) -> None:
        shutil.copy(build(self.bundle, runner=True).path, folder / "runner")
        (folder / "runner").chmod(0o755)
        inputs = [np.load(self.bundle / f, allow_pickle=False) for f in self.manifest["golden"]["inputs"]]
        (folder / "input.bin").write_bytes(b"".join(tensors.to_bytes(inputs)))


def choose(bundle: Path, runtimes: Sequence[str]) -> Package:
    """Return what of ``bundle`` is to run.

    Args:
        bundle: folder that ``toolkit export`` wrote for a computer or phone.
        runtimes: only these; all that the bundle has when empty.

    Raises:
        ToolkitError: no such bundle, no files of a runtime, or a target that takes none over a shell.
    """
    manifest = manifests.read(bundle)
    target = targets.load(manifest["target"])
    if target.arch not in MACHINES:
        others = ", ".join(name for name in targets.names() if targets.load(name).arch in MACHINES)
        raise ToolkitError(
            f"bundles for {target.name} do not go over a shell",
            at=str(bundle),
            fix=f"toolkit flash {bundle}"
            if target.bare_metal and target.flashers
            else f"export it with --target, one of: {others}",
        )
    manifests.read(bundle, "golden")
    described = manifest.get("runtimes")
    files = described["files"] if isinstance(described, dict) else [_c_alone(manifest)]
    has = list(dict.fromkeys(each["runtime"] for each in files))
    for name in runtimes:
        if name not in has:
            raise ToolkitError(f"the bundle has no files of {name}", fix=suggestion(name, has))
    return Package(bundle, manifest, [each for each in files if not runtimes or each["runtime"] in runtimes])


def _c_alone(manifest: dict[str, Any]) -> dict[str, Any]:
    return {"file": f"{manifest['prefix']}.c", "runtime": "c", **c_bounds(manifest["outputs"])}
