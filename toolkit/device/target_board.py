"""Read what only boards have in ``target.toml``: port, boot header, registers to set up, images, ways to flash."""

from __future__ import annotations

import re
from typing import Any

from toolkit.device import toml
from toolkit.device.setup import STEP_HELP, Mark, Step, step
from toolkit.device.target import Boot, ImageConfig, Region, Serial, Store

ADDRESS_LIMIT = 2**32
FORMATS = ("elf", "hex", "bin", "uf2", "esp")
FLASHERS = (
    "pyocd",
    "esptool",
    "uf2",
    "openocd",
    "st-flash",
    "avrdude",
    "dfu-util",
    "picotool",
    "emulator",
)
SERIAL_DRIVERS = (
    "avr",
    "cmsdk",
    "esp32c3",
    "lpuart",
    "nrf",
    "pl011",
    "sercom",
    "sifive",
    "stdio",
    "stm32",
    "stm32_old",
)
TIMERS = ("avr", "cmsdk", "esp32c3", "mcycle", "nrf", "systick")
STORE_DRIVERS = (
    "avr_eeprom",
    "esp32c3",
    "memory",
    "nrf",
    "rp2040",
    "rp2350",
    "samd21",
    "stellaris",
    "stm32f1",
    "stm32f4",
    "stm32h7",
    "stm32l4",
    "stm32u5",
)
BOOT_HEADERS = ("esp32c3", "imxrt", "rp2040", "rp2350")
_USB_ID = re.compile(r"[0-9a-f]{4}:[0-9a-f]{4}", re.ASCII)
_SETTING = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)


def serial(table: toml.Table, clock_hz: int | None) -> Serial:
    """Return a board's serial port; its clock is the core's unless it says another."""
    driver = table.text("driver", choices=SERIAL_DRIVERS)
    if driver == "stdio":
        table.done()
        return Serial(driver, 0)
    settings: dict[str, int] = {}
    if "settings" in table:
        numbers = table.table("settings")
        for name in numbers:
            if not _SETTING.fullmatch(name):
                raise numbers.error(name, "is no name", "use small letters, digits and _")
            settings[name] = numbers.integer(name, 0, ADDRESS_LIMIT - 1)
    own = "clock_hz" in table or clock_hz is None
    serial = Serial(
        driver,
        address=table.integer("address", 0, ADDRESS_LIMIT - 1),
        timer=table.text("timer", choices=TIMERS),
        clock_hz=table.integer("clock_hz", 1000, 10**11) if own or clock_hz is None else clock_hz,
        settings=settings,
    )
    table.done()
    return serial


def store(table: toml.Table, flash: Region) -> Store:
    """Return what keeps a model's states: the end of ``flash``, unless it has a memory of its own."""
    page_bytes = table.integer("page_bytes", 64, flash.bytes)
    if page_bytes.bit_count() != 1:
        raise table.error("page_bytes", f"is {page_bytes}, not a power of 2")
    if "origin" not in table and flash.end % page_bytes:
        raise table.error("page_bytes", f"is {page_bytes}, and flash does not end with a whole page")
    store = Store(
        driver=table.text("driver", choices=STORE_DRIVERS),
        address=table.integer("address", 0, ADDRESS_LIMIT - 1) if "address" in table else 0,
        page_bytes=page_bytes,
        region=region(table, 2 * page_bytes) if "origin" in table else None,
    )
    table.done()
    return store


def boot(table: toml.Table) -> Boot:
    """Return what the boot ROM wants."""
    boot = Boot(table.text("header", choices=BOOT_HEADERS), region(table, 4))
    if boot.region.bytes.bit_count() != 1 or boot.region.origin % boot.region.bytes:
        raise table.error("bytes", f"is {boot.region.bytes:#x}, not a power of 2 that divides origin")
    table.done()
    return boot


def setup(table: toml.Table) -> tuple[Step, ...]:
    """Return the steps before everything else."""
    return tuple(_step(table, "setup", text) for text in table.texts("setup"))


def mark(table: toml.Table) -> Mark:
    """Return the pin that marks timed windows."""
    high, low = (_step(table, key, table.text(key)) for key in ("high", "low"))
    for key, each in (("high", high), ("low", low)):
        if each.kind == "wait":
            raise table.error(key, "waits", "write what sets the pin")
    mark = Mark(table.text("pin"), setup(table) if "setup" in table else (), high, low)
    table.done()
    return mark


def _step(table: toml.Table, key: str, text: str) -> Step:
    try:
        return step(text)
    except ValueError as error:
        raise table.error(key, f"has {text!r:.60}: {error}", STEP_HELP) from error


def region(table: toml.Table, least_bytes: int) -> Region:
    """Return a stretch of memory of at least ``least_bytes``."""
    origin = table.integer("origin", 0, ADDRESS_LIMIT - 1)
    if origin % 4:
        raise table.error("origin", f"is {origin:#x}, not a multiple of 4")
    return Region(origin, table.integer("bytes", least_bytes, ADDRESS_LIMIT - origin))


def image(table: toml.Table) -> ImageConfig:
    """Return the files that it is flashed with."""
    formats = table.texts("formats")
    if not formats:
        raise table.error("formats", "is empty", f"list some of: {', '.join(FORMATS)}")
    for name in formats:
        if name not in FORMATS:
            raise table.error("formats", f"has {name!r:.60}", f"use some of: {', '.join(FORMATS)}")
    family = table.integer("uf2_family", 0, ADDRESS_LIMIT - 1) if "uf2" in formats else None
    table.done()
    return ImageConfig(formats, family)


def usb(table: toml.Table) -> tuple[str, ...]:
    """Return the ``vid:pid`` of its port or probe."""
    ids = table.texts("ids")
    for each in ids:
        if not _USB_ID.fullmatch(each):
            raise table.error("ids", f"has {each!r:.60}", 'write vendor and product in hex: "0483:374b"')
    table.done()
    return ids


def flashers(table: toml.Table) -> dict[str, dict[str, Any]]:
    """Return the tools that flash it, with their keys unread."""
    tools = table.table("flashers")
    for name in tools:
        if name not in FLASHERS:
            raise tools.error(name, "is no tool that flashes", f"use one of: {', '.join(FLASHERS)}")
    return {name: tools.values(name) for name in tools}
