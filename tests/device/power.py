"""Cut a board's power at every step of a save: its flash driver on an emulated core, without the serial line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unicorn import arm_const, riscv_const

from tests.device import learner
from toolkit import paths
from toolkit.device import elf, linker, targets
from toolkit.device.emulators import base
from toolkit.device.emulators.flash.ecc import EccFlash
from toolkit.device.emulators.serial_port import SerialPort
from toolkit.device.emulators.unicorn_board import machine

STATE_BYTES = 50  # not a whole number of what the flash writes at once
_LIMIT_US = 5_000_000
_FUNCTIONS = f"""
#include "runtime/tk_slots.h"

tk_flash tk_board_flash(void);
__attribute__((noinline)) int save_value(uint32_t value);
__attribute__((noinline)) int load_value(void);
static uint8_t state[{STATE_BYTES}];

static tk_slots_status either(int loads) {{
    const tk_span spans[3] = {{{{state, 4}}, {{state + 4, 13}}, {{state + 17, {STATE_BYTES} - 17}}}};
    const tk_flash flash = tk_board_flash();
    const tk_slots slots = {{&flash, spans, 3, 0xC0FFEEu}};
    return loads ? tk_slots_load(&slots, 0) : tk_slots_save(&slots, 0);
}}

int save_value(uint32_t value) {{
    for (uint32_t i = 0; i < {STATE_BYTES}; ++i) state[i] = (uint8_t)(value * 41 + i * 7);
    return either(0);
}}

/* The value, or a tk_slots_status below 0, or -100 when it is none. */
int load_value(void) {{
    const tk_slots_status status = either(1);
    if (status != TK_SLOTS_OK) return status;
    for (uint32_t value = 1; value < 9; ++value) {{
        uint32_t different = 0;
        for (uint32_t i = 0; i < {STATE_BYTES}; ++i) different |= state[i] ^ (uint8_t)(value * 41 + i * 7);
        if (!different) return (int)value;
    }}
    return -100;
}}
"""


def make(folder: Path) -> Path:
    """Write a bundle whose firmware has ``save_value`` and ``load_value``."""
    bundle = learner.make(folder)
    for header in (paths.runtime_dir() / "train").glob("*.h"):
        (bundle / "runtime" / header.name).write_bytes(header.read_bytes())
    source = (bundle / "model.c").read_text("utf-8")
    reset = "void model_reset(void) {"
    assert source.count(reset) == 1
    called = f"static volatile int never;\n{reset}\n    if (never) never = save_value(1) + load_value();"
    source = source.replace(reset, _FUNCTIONS + called)
    (bundle / "model.c").write_text(source, encoding="utf-8")
    return bundle


class Powered:
    """A board that has started. Its flash can be looked at and its power can fail."""

    def __init__(
        self, job: base.Job, port: SerialPort, content: bytes, damaged: set[int], power: int | None
    ) -> None:
        self._machine: Any = machine(job, port, linker.slots_region(job.elf), content)
        self.flash = self._machine.flash
        self._main = job.elf.by_name["main"].address & ~1
        self._machine.uc.emu_start(self._machine.start(), self._main)
        self.flash.power, self.flash.damaged = power, set(damaged)

    def call(self, function: str, argument: int = 0) -> int | None:
        """Return what a function of the firmware returns, None when the power failed before."""
        uc, riscv = self._machine.uc, self._machine.job.target.startup == "riscv"
        back, first = (
            (riscv_const.UC_RISCV_REG_RA, riscv_const.UC_RISCV_REG_A0)
            if riscv
            else (arm_const.UC_ARM_REG_LR, arm_const.UC_ARM_REG_R0)
        )
        thumb = 0 if riscv else 1
        uc.reg_write(back, self._main | thumb)
        uc.reg_write(first, argument)
        uc.emu_start(self._machine.elf.by_name[function].address | thumb, self._main, timeout=_LIMIT_US)
        assert not self._machine.why, self._machine.why
        if self.flash.off:
            return None
        assert self._machine.pc == self._main, f"it waits for ever at {self._machine.pc:#x}"
        value = int(uc.reg_read(first))
        return value - 2**32 if value >= 2**31 else value

    def damage_told(self) -> bool:
        """Return whether a unit was read that an error code does not correct; a driver's handler takes it."""
        if self.flash.told():
            self.call("tk_nmi")
            assert not self.flash.told()
        return isinstance(self.flash, EccFlash) and self.flash.damage_read > 0


class Cuts:
    """A firmware, and what its flash holds while it is off."""

    def __init__(self, image: Path, target: targets.Target, port: SerialPort) -> None:
        self._job, self._port = base.Job(image, target, b"", False, 0), port
        self.content = b"\xff" * linker.slots_region(elf.read(image)).bytes
        self.damaged: set[int] = set()

    def start(self, power: int | None = None) -> Powered:
        """Switch the board on."""
        return Powered(self._job, self._port, self.content, self.damaged, power)

    def save(self, value: int, power: int | None = None) -> tuple[int | None, int]:
        """Return the status, None when the power failed, and the steps."""
        board = self.start(power)
        status = board.call("save_value", value)
        self.content, self.damaged = board.flash.content, board.flash.damaged
        return status, board.flash.steps


@contextmanager
def cuts(image: Path, target: targets.Target) -> Iterator[Cuts]:
    """Yield a board whose power can be cut."""
    assert target.serial is not None
    port = SerialPort(target.serial)
    try:
        yield Cuts(image, target, port)
    finally:
        port.close()
