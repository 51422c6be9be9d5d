"""The serial flash of an RP2350 and the functions of its boot ROM, after its data sheet, 5.4."""

from __future__ import annotations

from toolkit.device.emulators.flash.rp2040 import Rp2040Flash

SECURE_ARM = 0x04


class Rp2350Flash(Rp2040Flash):
    """The RP2040's, but that functions are looked up by a name and who calls them; and a QMI reads flash."""

    look_up = 0x16
    control_page = 0x400D_0000
    reading = (0x0C, 0x10, 0x14)

    def asked(self, first: int, second: int) -> int:
        """The second argument says for whom."""
        return first if second == SECURE_ARM else 0
