"""The drivers of INA219 and INA226 against emulated chips behind smbus2's calls."""

from __future__ import annotations

import time

import pytest

from tests.device.known_load import KnownLoad
from tests.measure.fake_ina import FakeBus
from toolkit.errors import DEVICE, MISSING, USAGE, ToolkitError
from toolkit.measure import meters
from toolkit.measure.meters.base import Options
from toolkit.measure.meters.ina219 import Ina219
from toolkit.measure.meters.ina226 import Ina226

CHIPS = {"ina219": Ina219, "ina226": Ina226}


def made(chip: str, load: KnownLoad, fault: str = "", wired: str = "", **options: str) -> Ina219 | Ina226:
    kind = CHIPS[chip]
    given = Options({"shunt": "0.5", "tolerance": "0", **options}, kind.FACTS.options, chip)
    return kind(None, given, FakeBus(wired or chip, load, 0.5, fault=fault))


@pytest.mark.parametrize("chip", CHIPS)
def test_power_is_what_was_drawn_when_it_was_drawn(chip: str) -> None:
    load = KnownLoad(5e-3, 80e-3, voltage=3.3)
    with made(chip, load) as meter:
        meter.start()
        time.sleep(0.3)
        with load.busy():
            time.sleep(0.5)
        time.sleep(0.05)
        trace = meter.stop()
        accuracy = meter.accuracy()
    ((start, end),) = load.spans
    wrong = accuracy.share * 80e-3 * 3.3 + accuracy.offset_w
    assert trace.mean_w(start + 0.15, end - 0.15) == pytest.approx(80e-3 * 3.3, abs=wrong)
    assert trace.mean_w(trace.edges_s[0], start - 0.15) == pytest.approx(5e-3 * 3.3, abs=wrong)
    assert 0.006 < trace.duration_s / len(trace.power_w) < 0.05
    assert trace.clock_s >= 2 * 4 * 500e-6


def test_a_shunt_at_its_limit_is_seen() -> None:
    load = KnownLoad(10e-3, 10e-3)
    for options, expected in (({"range": "40"}, False), ({"range": "40", "shunt": "5"}, False)):
        with made("ina219", load, **options) as meter:
            meter.start()
            time.sleep(0.1)
            trace = meter.stop()
        assert trace.is_saturated(trace.edges_s[0], trace.edges_s[-1]) is expected
    with made("ina219", KnownLoad(0.1, 0.1), range="40") as meter:
        meter.start()
        time.sleep(0.1)
        trace = meter.stop()
    assert trace.is_saturated(trace.edges_s[0], trace.edges_s[-1])


def try_it(meter: Ina219 | Ina226) -> None:
    with meter:
        meter.start()
        time.sleep(0.4)
        meter.stop()


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize(
    ("fault", "said", "code"),
    [
        ("absent", "does not answer", MISSING),
        ("stuck", "does not finish", DEVICE),
        ("gone", "does not answer", MISSING),
    ],
)
def test_what_fails_is_said(chip: str, fault: str, said: str, code: int) -> None:
    began = time.monotonic()
    with pytest.raises(ToolkitError, match=said) as caught:
        try_it(made(chip, KnownLoad(1e-3, 1e-3), fault))
    assert caught.value.exit_code == code
    assert time.monotonic() - began < 3


def test_the_other_chip_is_told_apart() -> None:
    for chip, other in (("ina219", "ina226"), ("ina226", "ina219")):
        with pytest.raises(ToolkitError, match="is something else") as caught:
            made(chip, KnownLoad(1e-3, 1e-3), wired=other).open()
        assert f"--meter {other}" in caught.value.fix


def test_without_a_bus_it_says_how_to_switch_it_on() -> None:
    with (
        pytest.raises(ToolkitError, match="cannot open /dev/i2c-none") as caught,
        meters.make("ina226", "/dev/i2c-none"),
    ):
        pass
    assert caught.value.exit_code == MISSING
    assert "raspi-config" in caught.value.fix


def test_wrong_options_are_refused() -> None:
    for options in ({"address": "0x20"}, {"address": "x"}, {"shunt": "0"}, {"average": "3"}):
        with pytest.raises(ToolkitError) as caught:
            meters.make("ina226", None, options)
        assert caught.value.exit_code == USAGE
