"""Models of what programs flash, for a Unicorn core, one file each: as ``runtime/harness/flash_<driver>.c`` uses it."""

from __future__ import annotations

from toolkit.device.emulators.flash.base import Flash
from toolkit.device.emulators.flash.esp32c3 import Esp32c3Flash
from toolkit.device.emulators.flash.nrf import NrfFlash
from toolkit.device.emulators.flash.rp2040 import Rp2040Flash
from toolkit.device.emulators.flash.rp2350 import Rp2350Flash
from toolkit.device.emulators.flash.samd21 import Samd21Flash
from toolkit.device.emulators.flash.stellaris import StellarisFlash
from toolkit.device.emulators.flash.stm32f1 import Stm32f1Flash
from toolkit.device.emulators.flash.stm32f4 import Stm32f4Flash
from toolkit.device.emulators.flash.stm32h7 import Stm32h7Flash
from toolkit.device.emulators.flash.stm32l4 import Stm32l4Flash, Stm32u5Flash

BY_DRIVER: dict[str, type[Flash]] = {
    "esp32c3": Esp32c3Flash,
    "memory": Flash,
    "nrf": NrfFlash,
    "rp2040": Rp2040Flash,
    "rp2350": Rp2350Flash,
    "samd21": Samd21Flash,
    "stellaris": StellarisFlash,
    "stm32f1": Stm32f1Flash,
    "stm32f4": Stm32f4Flash,
    "stm32h7": Stm32h7Flash,
    "stm32l4": Stm32l4Flash,
    "stm32u5": Stm32u5Flash,
}
