"""What emulated meters share: a load whose current they see, and the time that they see it at."""

from __future__ import annotations

from tests.device.known_load import KnownLoad
from tests.device.pty_device import PtyDevice


class Instrument(PtyDevice):
    """A meter at the other end of a pty. A subclass sends what it measures in ``sample``."""

    def __init__(self, load: KnownLoad) -> None:
        super().__init__()
        self.load = load

    def tick(self, now: float) -> None:
        """See ``PtyDevice.tick``."""
        with self.load.lock:
            self.sample(now)

    def sample(self, now: float) -> None:
        """Send what was measured up to ``now``; the load's lock is held."""
        raise NotImplementedError
