"""The C files and the linker script that turn a model into a program for a target."""

from __future__ import annotations

import json
import zlib
from typing import Any

from toolkit import paths
from toolkit.backends.literals import CTYPES
from toolkit.device import linker, setup, targets
from toolkit.device.target import HEADER_BYTES
from toolkit.device.targets import Serial, Target
from toolkit.errors import ToolkitError

_CYCLES = {  # which counter a core has: cycles_<kind>.h; a driver's own comes first
    "esp32c3": "esp32c3",
    "armv6-m": "systick",
    "armv7-m": "dwt",
    "armv7e-m": "dwt",
    "armv8-m.main": "dwt",
    "armv8.1-m": "dwt",
    "rv32imc": "mcycle",
    "avr": "avr",
    "host": "host",
    "aarch64": "host",
}
_LOOP = "main_loop.h"


def files(target: Target) -> dict[str, str]:
    """Return texts by name: ``main.c`` and its loop; on bare metal start-up code, libc, linker script, boot header."""
    if not target.compilers:  # the tools of others make a program of the model
        return {}
    if not target.bare_metal:
        return {"main.c": harness("main_stdio.c"), _LOOP: harness(_LOOP)}
    main = "main_avr.c" if target.startup == "avr_libc" else "main_semihosting.c"
    named = {"main.c": main, _LOOP: _LOOP} | _bare_metal(target)
    return {name: harness(file) for name, file in named.items()} | {"link.ld": linker.script(target)}


def _bare_metal(target: Target) -> dict[str, str]:
    """Return what every program on bare metal has: files of the harness, by the name that they get."""
    if target.startup == "avr_libc":
        return {}
    named = {"startup.c": f"startup_{target.startup}.c", "libc.c": "libc.c"}
    if target.boot:
        named["boot.c"] = f"boot_{target.boot.header}.c"
    return named


def serial_of(target: Target) -> Serial:
    """Return a target's serial port. Raises ``ToolkitError`` when it has none."""
    if target.serial is None:
        raise ToolkitError(
            f"{target.name} has no serial port",
            at=str(target.folder / "target.toml"),
            fix=f"add [serial], or choose a target that has it: {', '.join(_with_serial())}",
        )
    return target.serial


def _with_serial() -> list[str]:
    found = map(targets.load, targets.names())
    return [target.name for target in found if target.serial is not None and target.compilers]


def serial_files(target: Target, manifest: dict[str, Any], model_c: str) -> dict[str, str]:
    """Return the texts of a program that serves a model over a serial line, by file name.

    Args:
        target: a board with a serial port.
        manifest: of the bundle.
        model_c: the generated C; states are kept for exactly this text.

    Raises:
        ToolkitError: the target has no serial port, or too little flash for what the model learns.
    """
    port = serial_of(target)
    state_bytes = sum(state["bytes"] for state in manifest.get("states") or [])
    slots = _slots_bytes(target, state_bytes) if state_bytes else 0
    named = {
        "main.c": "main_serial.c",
        "serial.c": f"serial_{port.driver}.c",
        "cycles.h": f"cycles_{_cycles(target, port)}.h",
    }
    named |= {file.name: file.name for file in sorted((paths.runtime_dir() / "harness").glob("serial*.h"))}
    if target.bare_metal:
        named |= _bare_metal(target) | {"board.c": "board.c", "time.c": f"time_{port.timer}.c"}
        if state_bytes:
            named["flash.c"] = f"flash_{target.store.driver if target.store else 'none'}.c"
            named |= {
                file.name: file.name for file in sorted((paths.runtime_dir() / "harness").glob("flash*.h"))
            }
    texts = {name: harness(file) for name, file in named.items()}
    for header in sorted((paths.runtime_dir() / "train").glob("*.h")):
        texts[header.name] = header.read_text(encoding="utf-8")
    if target.bare_metal:
        texts["link.ld"] = linker.script(target, slots)
        texts["setup.c"] = setup.c_source(target.setup, target.mark)
    texts["serial_model.h"] = _serial_model(target, manifest, zlib.crc32(model_c.encode()))
    return texts


def _slots_bytes(target: Target, state_bytes: int) -> int:
    """Return how much of flash is left for slots. Raises ``ToolkitError`` when there is not so much."""
    store = target.store
    if store is None or target.flash is None:
        return 0
    slots = store.slots_bytes(state_bytes)
    if store.region is not None:
        slot = store.region.bytes // 2
        if state_bytes + HEADER_BYTES > slot:
            raise ToolkitError(
                f"what the model learns takes {state_bytes:,} bytes, and {target.name} keeps {slot - HEADER_BYTES:,}",
                fix="let fewer layers learn",
            )
        return 0
    if slots >= target.flash.bytes:
        raise ToolkitError(
            f"two slots for what the model learns take {slots:,} bytes, more than the flash of {target.name}",
            fix="let fewer layers learn",
        )
    return slots


def _cycles(target: Target, port: Serial) -> str:
    return _CYCLES.get(port.driver, _CYCLES.get(target.arch, "none"))


def board_name(manifest: dict[str, Any]) -> str:
    """Return what a board that serves the model of ``manifest`` says that it is called."""
    name = str(manifest.get("name", manifest["prefix"]))
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name)[:40]


def _serial_model(target: Target, manifest: dict[str, Any], fingerprint: int) -> str:
    """Return the header that tells ``main_serial.c`` which model it serves."""
    port = serial_of(target)
    inputs, outputs = manifest["inputs"], manifest["outputs"]
    prefix, learns = manifest["prefix"], bool(manifest.get("learns"))
    result = outputs[0]
    defines = {
        "TK_NAME": json.dumps(board_name(manifest)),
        "TK_FINGERPRINT": f"{fingerprint:#010x}u",
        "TK_SAMPLE_BYTES": sum(tensor["bytes"] for tensor in (inputs[:1] if learns else inputs)),
        "TK_OUTPUT": f"{prefix}_output" + ("_0" if len(outputs) > 1 else ""),
        "TK_OUTPUT_BYTES": result["bytes"],
        "TK_OUTPUT_REAL(value)": _real(result),
        "TK_PREDICT": f"{prefix}_predict" if learns else f"{prefix}_run",
        "TK_ARENA_BYTES": f"{manifest['sizes']['arena_bytes']}u",
        "TK_LAYERS": max(1, len(manifest.get("layers") or [])),
        "TK_CLOCK_HZ": f"{target.clock_hz or 0}u",
        "TK_FLASH_PAGE_BYTES": target.store.page_bytes if target.store else 4096,
        "TK_FLASH_ADDRESS": f"{target.store.address if target.store else 0:#010x}u",
        "TK_SERIAL_ADDRESS": f"{port.address:#010x}u",
        "TK_SERIAL_CLOCK_HZ": f"{port.clock_hz}u",
    }
    if target.store and target.store.region:
        region = target.store.region
        defines |= {"TK_FLASH_ORIGIN": f"{region.origin:#x}u", "TK_FLASH_BYTES": f"{region.bytes}u"}
    defines |= {f"TK_SERIAL_{name.upper()}": f"{number:#x}u" for name, number in port.settings.items()}
    if learns:
        defines |= {
            "TK_LEARNS": 1,
            "TK_TARGET": f"{prefix}_input_1",
            "TK_RATE": f"{prefix}_input_2",
            "TK_LOSS": f"{prefix}_output_1",
        }
    if _is_autoencoder(manifest):
        defines |= {"TK_INPUT_REAL(value)": _real(inputs[0]), "TK_INPUT_TYPE": CTYPES[inputs[0]["dtype"]]}
    lines = "".join(f"#define {key} {value}\n" for key, value in defines.items())
    return f"""/* SPDX-License-Identifier: Apache-2.0 */
/* Generated by toolkit for main_serial.c: which model it serves, and where. */
#ifndef TK_SERIAL_MODEL_H
#define TK_SERIAL_MODEL_H

#include "model.h"

{lines}
#endif
"""


def _real(tensor: dict[str, Any]) -> str:
    """Return the C expression of the real number that ``value`` stands for in ``tensor``."""
    scale, zero_point = tensor.get("scale"), tensor.get("zero_point") or 0
    return "(value)" if scale is None else f"(((value) - {float(zero_point)!r}f) * {float(scale)!r}f)"


def _is_autoencoder(manifest: dict[str, Any]) -> bool:
    """True when the program's notes say that it is judged by how far its answer is from its input."""
    info, inputs, outputs = manifest.get("info"), manifest["inputs"], manifest["outputs"]
    noted = isinstance(info, dict) and "mean_squared_error" in info
    return noted and len(inputs) == len(outputs) == 1 and inputs[0]["bytes"] == outputs[0]["bytes"]


def harness(name: str) -> str:
    """Return the text of a file of the harness."""
    return (paths.runtime_dir() / "harness" / name).read_text(encoding="utf-8")
