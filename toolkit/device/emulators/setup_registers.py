"""The registers that a board's ``setup`` writes, for a Unicorn core: memory, in which what is waited for comes true."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import unicorn

from toolkit.device.setup import Mark, Step
from toolkit.device.target import Target

_PAGE = 0x1000


def attach(uc: Any, target: Target, uart_page: int) -> None:
    """Map the pages of all registers but the UART's, which is mapped already."""
    steps = (*target.setup, *(target.mark.steps if target.mark else ()))
    pages = {step.address // _PAGE * _PAGE for step in steps} - {uart_page}
    for page in sorted(pages):
        uc.mem_map(page, _PAGE, unicorn.UC_PROT_READ | unicorn.UC_PROT_WRITE)
    for step in steps:
        if step.kind == "wait":
            uc.hook_add(unicorn.UC_HOOK_MEM_READ, _come_true, step, step.address, step.address)


def _come_true(uc: Any, _access: int, address: int, _size: int, _value: int, step: Step) -> None:
    size = step.bits // 8
    now = int.from_bytes(uc.mem_read(address, size), "little")
    uc.mem_write(address, (now & ~step.mask | step.value).to_bytes(size, "little"))


def watch_mark(uc: Any, mark: Mark, tell: Callable[[int], None]) -> None:
    """Call ``tell`` with 1 or 0 whenever the marking pin is set high or low."""

    def written(_uc: Any, _access: int, address: int, _size: int, value: int, _data: Any) -> None:
        for level, step in ((1, mark.high), (0, mark.low)):
            if address == step.address and value & step.mask == step.value:
                tell(level)
                return

    for address in {mark.high.address, mark.low.address}:
        uc.hook_add(unicorn.UC_HOOK_MEM_WRITE, written, None, address, address)
