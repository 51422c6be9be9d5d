"""Images in every format hold the ELF's bytes, as other readers of those formats see them, and what boot ROMs want."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import unicorn
from adafruit_uf2 import uf2conv
from intelhex import IntelHex
from unicorn import arm_const

from tests.device import toy
from toolkit.device import elf, images, targets
from toolkit.device.build import build
from toolkit.device.elf import Elf
from toolkit.errors import ToolkitError

Built = Callable[[str], tuple[Elf, dict[str, Path]]]
_PAGE = 0x1000


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Firmware of a board by its name, and its files."""
    done: dict[str, tuple[Elf, dict[str, Path]]] = {}

    def make(name: str) -> tuple[Elf, dict[str, Path]]:
        if name not in done:
            image = build(toy.make(tmp_path_factory.mktemp(name) / "bundle", name), serial=True)
            done[name] = elf.read(image.path), images.make(image, targets.load(name))
        return done[name]

    return make


def loadable(image: Elf) -> dict[int, int]:
    """Return every byte that is loaded by its address."""
    return {segment.address + i: byte for segment in image.segments for i, byte in enumerate(segment.data)}


@pytest.mark.parametrize("name", ["pico", "teensy41", "samd21", "esp32c3"])
def test_hex_read_by_intelhex_is_what_the_elf_loads(name: str, built: Built) -> None:
    image, files = built(name)
    read = IntelHex(str(files["hex"]))
    assert {address: read[address] for address in read.addresses()} == loadable(image)
    assert read.start_addr == {"EIP": image.entry}


@pytest.mark.parametrize("name", ["pico", "teensy41", "samd21", "esp32c3"])
def test_bin_is_all_from_the_first_byte_to_the_last(name: str, built: Built) -> None:
    image, files = built(name)
    expected, content = loadable(image), files["bin"].read_bytes()
    start = min(expected)
    assert len(content) == max(expected) + 1 - start
    assert all(byte == expected.get(start + i, 0xFF) for i, byte in enumerate(content))


@pytest.mark.parametrize(
    ("name", "family"), [("pico", "RP2040"), ("pico2", "RP2350_ARM_S"), ("samd21", "SAMD21")]
)
def test_uf2_block_by_block_and_by_another_reader(
    name: str, family: str, built: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, files = built(name)
    expected, content = loadable(image), files["uf2"].read_bytes()
    count = len(content) // 512
    assert len(content) == 512 * count > 0
    seen = {}
    for number in range(count):
        block = content[512 * number : 512 * (number + 1)]
        first, second, flags, address, size, index, total, found = struct.unpack_from("<8I", block)
        assert (first, second, struct.unpack_from("<I", block, 508)[0]) == (
            0x0A324655,
            0x9E5D5157,
            0x0AB16F30,
        )
        assert (flags, size, index, total) == (0x2000, 256, number, count)
        assert found == uf2conv.load_families()[family]
        assert address % 256 == 0
        seen |= {address + i: byte for i, byte in enumerate(block[32 : 32 + size])}
        assert not any(block[32 + size : 508])
    assert len(seen) == 256 * count  # none twice
    assert all(seen[address] == byte for address, byte in expected.items())
    assert all(byte == 0xFF for address, byte in seen.items() if address not in expected)
    monkeypatch.setattr(uf2conv, "familyid", 0, raising=False)
    assert uf2conv.convert_from_uf2(content) == bytes(seen[address] for address in sorted(seen))


def test_esptool_accepts_the_image_for_esp_idfs_boot_loader(built: Built) -> None:
    image, files = built("esp32c3")
    command = [sys.executable, "-m", "esptool", "image-info", str(files["esp"])]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    for words in ("ESP32-C3", "Entry point: 0x42000008", "(valid)", "DROM", "IROM"):
        assert words in said
    assert "invalid" not in said.lower()
    assert said.count("(valid)") == 2  # checksum and hash
    # What the boot loader maps is what the program reads: constants where it looks for them.
    content, at, mapped = files["esp"].read_bytes(), 24, {}
    for _ in range(content[1]):
        address, size = struct.unpack_from("<2I", content, at)
        if address:
            assert (at + 8 - address) % 0x1_0000 == 0
            mapped[address] = content[at + 8 : at + 8 + size]
        at += 8 + size
    flash, data_origin = targets.load("esp32c3").regions()[0], targets.load("esp32c3").data_origin
    assert data_origin is not None
    for address, byte in loadable(image).items():
        if address >= flash.origin:
            views = (address, address - flash.origin + data_origin)
            assert any(
                start <= view < start + len(data) and data[view - start] == byte
                for view in views
                for start, data in mapped.items()
            )


def test_what_an_esp32c3_boots_from_flash(built: Built) -> None:
    _, files = built("esp32c3")
    content = files["bin"].read_bytes()
    assert content[:8] == bytes.fromhex("1d04dbae") * 2
    symbols = built("esp32c3")[0].by_name
    assert symbols["tk_reset"].address == 0x4200_0008
    assert symbols["tk_data_load"].address >> 24 == 0x3C  # read where loads see the flash


def test_the_checksum_of_the_second_stage(built: Built) -> None:
    """Its polynomial is zlib's; zlib takes the lowest bits first and inverts the result."""
    _, files = built("pico")
    content = files["bin"].read_bytes()

    def mirrored(value: int, bits: int) -> int:
        return int(f"{value:0{bits}b}"[::-1], 2)

    crc = zlib.crc32(bytes(mirrored(byte, 8) for byte in content[:252])) ^ 0xFFFF_FFFF
    assert struct.unpack_from("<I", content, 252)[0] == mirrored(crc, 32)


def test_the_second_stage_sets_up_flash_and_enters_the_program(built: Built) -> None:
    """Run as the boot ROM does: copied to the end of RAM, on a core without any other memory than that and flash."""
    image, files = built("pico")
    content = files["bin"].read_bytes()
    uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
    uc.ctl_set_cpu_model(arm_const.UC_CPU_ARM_CORTEX_M0)
    ram, ssi, system, flash = 0x2004_1000, 0x1800_0000, 0xE000_E000, 0x1000_0000
    for address in (ram, ssi, system):
        uc.mem_map(address, _PAGE)
    uc.mem_map(flash, -(-len(content) // _PAGE) * _PAGE, unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC)
    uc.mem_write(flash, content)
    uc.mem_write(0x2004_1F00, content[:256])
    uc.reg_write(arm_const.UC_ARM_REG_SP, ram + 0x800)
    written: list[tuple[int, int]] = []
    uc.hook_add(
        unicorn.UC_HOOK_MEM_WRITE,
        lambda _uc, _access, address, size, value, _data: written.append((address, value)),
    )
    entry = image.by_name["tk_reset"].address
    uc.emu_start(0x2004_1F01, entry, count=200)
    assert uc.reg_read(arm_const.UC_ARM_REG_PC) == entry
    assert uc.reg_read(arm_const.UC_ARM_REG_SP) == image.by_name["tk_stack_top"].address
    assert written[0] == (ssi + 0x08, 0)  # off while it is changed
    assert written[-2:] == [(ssi + 0x08, 1), (system + 0xD08, 0x1000_0100)]
    settings = dict(written[1:-2])
    assert settings == {ssi + 0x14: 4, ssi: 0x001F_0300, ssi + 4: 0, ssi + 0xF4: 0x0300_0218}


def test_the_image_definition_of_an_rp2350(built: Built) -> None:
    """A block of items between two marks, which says where the vector table is (RP2350 data sheet, 5.9.1)."""
    image, files = built("pico2")
    words = struct.unpack_from("<7I", files["bin"].read_bytes())
    assert (words[0], words[5], words[6]) == (0xFFFF_DED3, 0, 0xAB12_3579)
    items, at = {}, 1
    while (kind := words[at] & 0xFF) != 0xFF:
        size = words[at] >> 8 & 0xFF
        items[kind] = words[at : at + size]
        at += size
    assert words[at] >> 8 & 0xFFFF == at - 1  # the last item: how many words the others take
    assert items[0x42][0] >> 16 == 0x1021
    assert items[0x03][1] == image.by_name["tk_vectors"].address


def test_the_boot_header_of_an_imxrt(built: Built) -> None:
    """i.MX RT1060 Processor Reference Manual, 9.6.3 and 9.7."""
    image, files = built("teensy41")
    content = files["bin"].read_bytes()
    assert content[:4] == b"FCFB"
    assert struct.unpack_from("<I", content, 0x50)[0] == 8 << 20
    assert struct.unpack_from("<4I", content, 0x80) == (0x0A18_04EB, 0x3204_1E00, 0x0000_2604, 0)
    header, entry, zero, _, boot_data, own = struct.unpack_from("<6I", content, 0x1000)
    assert (header, zero, own) == (0x4320_00D1, 0, 0x6000_1000)
    assert entry == image.by_name["tk_entry"].address | 1
    assert struct.unpack_from("<3I", content, boot_data - 0x6000_0000) == (0x6000_0000, 0x7C_0000, 0)


def test_a_target_without_files_of_its_own_makes_none(tmp_path: Path) -> None:
    image = build(toy.make(tmp_path / "bundle"))
    assert images.make(image, targets.load("cortex-m4")) == {}


def test_an_image_whose_bytes_no_flash_holds(tmp_path: Path, built: Built) -> None:
    image, _ = built("pico")
    torn = elf.Elf(image.path, image.machine, image.entry, (), (), (
        elf.Segment(0x1000_0000, b"a"), elf.Segment(0x6000_0000, b"b")))  # fmt: skip
    from toolkit.device.images import bin as flat

    with pytest.raises(ToolkitError, match="more than one flash has"):
        flat.encode(torn, targets.load("pico"))


def test_there_is_no_application_image_for_other_chips(built: Built) -> None:
    from toolkit.device.images import esp

    with pytest.raises(ToolkitError, match="no application image for pico"):
        esp.encode(built("pico")[0], targets.load("pico"))


def test_hex_of_an_image_that_crosses_64_kb(tmp_path: Path) -> None:
    from toolkit.device.images import hex as hexadecimal

    image = elf.Elf(tmp_path, "EM_ARM", 0x1_FFFF, (), (), (elf.Segment(0xFFF5, bytes(range(40))),))
    read = IntelHex(io.StringIO(hexadecimal.encode(image, targets.load("pico")).decode()))
    assert read.todict() == {**loadable(image), "start_addr": {"EIP": 0x1_FFFF}}
