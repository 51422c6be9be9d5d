"""What is installed, what is missing, and the exact command that mends it."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass

from toolkit.device import flashers, install, targets
from toolkit.device.emulators import simavr
from toolkit.device.versions import package_version, program_version

# Python packages, by what they are for; the first group comes with `pip install edge-toolkit`.
_PACKAGES = {
    "torch": "reading, training and quantizing models",
    "torchao": "int8 quantization",
    "numpy": "everything",
    "scikit-learn": "the bundled digits dataset",
    "ziglang": "building for every target without another compiler",
    "unicorn": "emulating Cortex-M0 to M7 and RISC-V",
    "pyelftools": "memory reports and profiles",
    "capstone": "cycle estimates",
    "pyserial": "talking to boards, real and emulated",
    "jinja2": "the HTML report",
}
_EXTRAS = {
    "ai-edge-litert": ("litert", "comparing with LiteRT"),
    "onnxruntime": ("onnx", "comparing with ONNX Runtime"),
    "onnxscript": ("onnx", "writing .onnx files"),
    "nir": ("spiking", "reading and writing NIR files"),
    "executorch": ("executorch", "ExecuTorch programs"),
    "ethos-u-vela": ("ethos-u", "files for Arm's Ethos-U NPUs"),
    "asyncssh": ("deploy", "running bundles on devices over SSH"),
    "smbus2": ("meters", "energy by an INA219 or INA226"),
    "pyjoulescope_driver": ("meters", "energy by a Joulescope"),
    "esptool": ("boards", "flashing ESP32 boards"),
    "pyocd": ("boards", "flashing Arm boards through a debug probe, and listing probes"),
}


@dataclass(frozen=True)
class Finding:
    """One part: whether it is there, and what to do if not. ``required`` parts are needed for the main job."""

    name: str
    found: bool
    version: str
    needed_for: str
    fix: str
    required: bool


def check() -> list[Finding]:
    """Return a finding for each Python package, compiler, emulator and flashing tool, the required ones first."""
    return [*_packages(), *_extras(), *_programs(), *_flashers()]


def _packages() -> list[Finding]:
    found = []
    for name, purpose in _PACKAGES.items():
        version = package_version(name)
        fix = f"{sys.executable} -m pip install {name}"
        found.append(Finding(name, bool(version), version, purpose, fix, required=True))
    return found


def _extras() -> list[Finding]:
    found = []
    for name, (extra, purpose) in _EXTRAS.items():
        version = package_version(name)
        fix = f'{sys.executable} -m pip install "edge-toolkit[{extra}]"'
        found.append(Finding(name, bool(version), version, purpose, fix, required=False))
    return found


def _programs() -> list[Finding]:
    """The programs that targets name, each with the targets that it serves."""
    packages: dict[str, str] = {}
    uses: dict[str, list[str]] = {}
    found = []
    for target in map(targets.load, targets.names()):
        if target.family != target.name:
            continue  # a board has the programs of its family
        for name, compiler in target.compilers.items():
            if compiler.command:
                packages.setdefault(compiler.command[0], compiler.package)
                uses.setdefault(compiler.command[0], []).append(f"building {target.name} with {name}")
        if (qemu := target.emulators.get("qemu")) is not None:
            packages.setdefault(qemu.command, qemu.package)
            only = " (nothing else can)" if list(target.emulators) == ["qemu"] else ""
            uses.setdefault(qemu.command, []).append(f"emulating {target.name}{only}")
        if (config := target.emulators.get("simavr")) is not None:
            purpose, fix = f"emulating {target.name} (nothing else can)", install.line(config.package)
            found.append(Finding("simavr", simavr.is_there(), "", purpose, fix, required=False))
    for command, package in packages.items():
        program = shutil.which(command)
        version = program_version(program) if program else ""
        fix = install.line(package)
        found.append(Finding(command, bool(program), version, ", ".join(uses[command]), fix, required=False))
    return found


def _flashers() -> list[Finding]:
    """The programs that flash boards, each with the boards that it is for; Python packages are extras."""
    boards = [target for target in map(targets.load, targets.names()) if target.flashers]
    found = []
    for tool in map(flashers.get, flashers.names()):
        uses = [board.name for board in boards if tool.name in board.flashers]
        if tool.module or not uses or tool.name in ("uf2", "emulator"):
            continue  # these two need no program
        program = shutil.which(tool.command)
        version = program_version(program) if program else ""
        needed_for = f"flashing {', '.join(uses)}"
        found.append(
            Finding(tool.command, bool(program), version, needed_for, tool.install(), required=False)
        )
    return found
