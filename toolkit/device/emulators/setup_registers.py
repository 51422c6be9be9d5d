"""The registers that a board's ``setup`` writes, for a Unicorn core: memory, in which what is waited for comes true."""

from __future__ import annotations

from typing import Any

import unicorn

from toolkit.device.setup import Step
from toolkit.device.target import Target

_PAGE = 0x1000


def attach(uc: Any, target: Target, uart_page: int) -> None:
    """Map the pages of all registers but the UART's, which is mapped already."""
    pages = {step.address // _PAGE * _PAGE for step in target.setup} - {uart_page}
    for page in sorted(pages):
        uc.mem_map(page, _PAGE, unicorn.UC_PROT_READ | unicorn.UC_PROT_WRITE)
    for step in target.setup:
        if step.kind == "wait":
            uc.hook_add(unicorn.UC_HOOK_MEM_READ, _come_true, step, step.address, step.address)


def _come_true(uc: Any, _access: int, address: int, _size: int, _value: int, step: Step) -> None:
    size = step.bits // 8
    now = int.from_bytes(uc.mem_read(address, size), "little")
    uc.mem_write(address, (now & ~step.mask | step.value).to_bytes(size, "little"))
