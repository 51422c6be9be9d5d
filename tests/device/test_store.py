"""What boards learn stays in their flash: over the serial line, and with the power cut at every step of a save."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from unicorn import UcError

from tests.device import learner, power
from tests.device.power import STATE_BYTES
from toolkit.device import firmware, fit, targets
from toolkit.device.build import build
from toolkit.device.emulated_board import running
from toolkit.device.emulators.flash.ecc import EccFlash
from toolkit.device.emulators.simavr_board import SimavrBoard
from toolkit.device.serial_link import SerialLink
from toolkit.device.serial_model import SerialModel
from toolkit.device.target import HEADER_BYTES
from toolkit.errors import ToolkitError

KEEPING = [name for name in targets.names() if targets.load(name).store is not None]
CUT = {  # a board for each driver; memory that stands for flash is cut in tests/runtime
    store.driver: name
    for name in KEEPING
    if (store := targets.load(name).store) and store.driver != "memory" and "unicorn" in targets.load(name).emulators
}  # fmt: skip
FORGETTING = "teensy41"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that learns, with functions to save and to load."""
    return power.make(tmp_path_factory.mktemp("learner") / "bundle")


@pytest.mark.parametrize("name", KEEPING)
def test_a_board_remembers_what_it_learnt(name: str, bundle: Path) -> None:
    target = targets.load(name)
    emulator = "qemu" if name == "microbit" else target.default_emulator
    image = build(bundle, target=name, serial=True)
    (x,), labels = learner.samples(1)
    with running(image, target, emulator=emulator) as board:
        with SerialLink(board.url) as link:
            model = SerialModel(link, sample_bytes=x.nbytes, classes=learner.CLASSES)
            model.load_sample(x.tobytes(), int(labels[0]))
            for number in (1, 2, 3):  # both slots, and the first one again
                model.train(0.1)
                learnt = model.state_crc()
                assert model.save() == number
            model.train(0.1)
            assert model.state_crc() != learnt
        board.reset()
        with SerialLink(board.url) as link:
            model = SerialModel(link, sample_bytes=x.nbytes, classes=learner.CLASSES)
            assert model.state_crc() == learnt
            assert model.load() == 3
        assert board.failure() is None


@pytest.mark.parametrize("name", CUT.values())
def test_power_may_fail_at_every_step(name: str, bundle: Path) -> None:
    target = targets.load(name)
    with power.cuts(build(bundle, target=name, serial=True).path, target) as board:
        assert board.save(1)[0] == 0
        assert board.save(2)[0] == 0
        before = board.content
        status, steps = board.save(3)
        assert status == 0
        assert steps > 2 * (STATE_BYTES + HEADER_BYTES) // 32
        damage = 0
        for cut in range(steps):
            board.content, board.damaged = before, set()
            assert board.save(3, power=cut) == (None, cut)
            again = board.start()
            assert again.call("load_value") in (2, 3), cut
            assert again.call("save_value", 4) == 0
            assert again.call("load_value") == 4
            assert again.flash.quick()
            damage += again.damage_told()

        assert (damage > 0) == isinstance(again.flash, EccFlash)


@pytest.mark.parametrize(
    ("name", "right", "wrong", "said"),
    [
        ("nrf52840-dk", "    configure(WRITE);\n", "", "CONFIG does not allow it"),
        ("nrf52840-dk", "page * flash->page_bytes);\n    wait();", "page * flash->page_bytes);", "does not wait"),
        ("stm32f4-discovery", "= 0xCDEF89ABu", "= 0xCDEF89AAu", "-6"),
        ("stm32f4-discovery", "WORDS | PROGRAM", "PROGRAM", "-6"),
        ("stm32f4-discovery", "    empty_data_cache();\n", "", "data cache was not emptied"),
        ("stm32f4-discovery", "sector = 4 +", "sector = 3 +", "no slot"),
        ("nucleo-l4r5zi", "= 0xCDEF89ABu", "= 0xCDEF89AAu", "-6"),
        ("nucleo-l4r5zi", "    forget_cache();\n", "", "data cache was not emptied"),
        ("nucleo-l4r5zi", "? 0 : BANK_2", "? 0 : 0", "no slot"),
        ("nucleo-u575zi", "number << PAGE_SHIFT", "(number + 1) << PAGE_SHIFT", "no slot"),
        ("nucleo-h743zi", "    forget(flash, offset, 4 * words);\n", "", "the data cache still has"),
        ("nucleo-h743zi", "UNIT_WORDS = 8", "UNIT_WORDS = 4", "waits for ever"),
        ("stm32vldiscovery", "unlock(PROGRAM)", "unlock(0)", "does not allow it"),
        ("lm3s6965evb", "/ 1000000u - 1", "/ 1000000u", "USECRL does not hold the clock"),
        ("esp32c3", "with_cache_suspended + RAM_TO_CODE", "with_cache_suspended", "UC_ERR_FETCH_PROT"),
        ("esp32c3", "0x40000524u)()", "0x40000528u)()", "give back"),
        ("pico", "IN_RAM static void change", "static void change", "UC_ERR_FETCH_PROT"),
        ("pico", "    rom.empty_cache();\n", "", "the cache still holds"),
        ("pico", "    rom.leave();\n", "", "has not left the mode"),
        ("pico2", "SECURE_ARM = 0x04", "SECURE_ARM = 0x10", "UC_ERR"),
        ("samd21", "ERASE_ROW = 0xA502", "ERASE_ROW = 0xA402", "-6"),
        ("samd21", "        failed |= obey(CLEAR_BUFFER, to);\n", "", "-6"),
        ("samd21", "uintptr_t)where / 2", "uintptr_t)where", "no slot"),
    ],
)  # fmt: skip
def test_a_wrong_driver_is_found(
    name: str, right: str, wrong: str, said: str, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The models of flash controllers forbid what their manuals forbid."""
    harness, spoiled = firmware.harness, 0

    def spoil(file: str) -> str:
        nonlocal spoiled
        text = harness(file)
        if file.startswith("flash_") and right in text:
            spoiled += 1
            text = text.replace(right, wrong)
        return text

    monkeypatch.setattr(firmware, "harness", spoil)
    target = targets.load(name)
    image = build(bundle, target=name, serial=True)
    assert spoiled
    with power.cuts(image.path, target) as board:
        try:
            answer = " ".join(str(board.save(value)[0]) for value in (1, 2, 3))
        except (AssertionError, UcError) as error:
            answer = str(error)
    assert said in answer


def test_what_is_learnt_is_not_kept_where_nothing_programs_the_flash(bundle: Path) -> None:
    target = targets.load(FORGETTING)
    with (
        running(build(bundle, target=target.name, serial=True), target) as board,
        SerialLink(board.url) as link,
    ):
        with pytest.raises(ToolkitError, match="nothing was saved"):
            link.ask("load")
        with pytest.raises(ToolkitError, match="the flash is too small"):
            link.ask("save")


def test_slots_are_counted_as_flash(bundle: Path, tmp_path: Path) -> None:
    """Code may not reach into the slots, and the refusal says what they take."""
    source = (bundle / "model.c").read_text("utf-8")
    big = 280 * 1024  # with two sectors of 128 KB more than the board's 512 KB
    large = power.make(tmp_path / "large")
    weights = f"TK_WEIGHTS static const volatile uint8_t large[{big}] = {{1}};\n"
    reads = "void model_predict(void) { x[0] += large[7];"
    assert source.count("void model_predict(void) {") == 1
    (large / "model.c").write_text(
        source.replace("void model_predict(void) {", weights + reads), encoding="utf-8"
    )
    with pytest.raises(ToolkitError, match=r"does not fit nucleo-f411re.*262,144 of them to keep") as caught:
        build(large, target="nucleo-f411re", serial=True)
    assert "--target" in caught.value.fix
    sizes = fit.sizes(build(large, target="nrf52840-dk", serial=True).path)
    assert sizes.all_flash_bytes == sizes.flash_bytes + 2 * 4096


def test_an_eeprom_keeps_one_of_both_when_the_power_fails(bundle: Path) -> None:
    """simavr's EEPROM knows no half bytes: the power fails after so many instructions of a save."""
    target = targets.load("arduino-uno")
    (x,), labels = learner.samples(1)
    ends: list[bool] = []
    with running(build(bundle, target=target.name, serial=True), target) as board:
        assert isinstance(board, SimavrBoard)
        kept = None
        for instructions in range(4_000, 164_000, 8_000):
            with SerialLink(board.url) as link:
                model = SerialModel(link, sample_bytes=x.nbytes, classes=learner.CLASSES)
                if kept is None:
                    model.save()
                    kept = model.state_crc()
                model.load_sample(x.tobytes(), int(labels[0]))
                model.train(0.1)
                new = model.state_crc()
                board.cut_power(instructions)
                time.sleep(0.05)
                link.line.send(b"save%")
                board.wait_for_cut()
            with SerialLink(board.url) as link:
                found = SerialModel(link, sample_bytes=x.nbytes, classes=learner.CLASSES).state_crc()
            assert found in (kept, new)
            ends.append(found == new)
            kept = found
    assert ends[0] is False
    assert ends.count(False) > 5
    assert ends[-1] is True
