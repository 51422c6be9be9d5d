"""A short measurement with a meter at a serial port."""

from __future__ import annotations

import time

from tests.device.instrument import Instrument
from tests.device.known_load import KnownLoad
from toolkit.measure import meters
from toolkit.measure.energy.trace import Trace


def measured(name: str, board: Instrument, load: KnownLoad, **options: str) -> Trace:
    """Open the meter ``name``, measure 0.1 s idle, 0.2 s busy and 0.1 s idle again."""
    with meters.make(name, board.port, {"voltage": "3.0", **options}) as meter:
        meter.start()
        time.sleep(0.1)
        with load.busy():
            time.sleep(0.2)
        time.sleep(0.1)
        return meter.stop()
