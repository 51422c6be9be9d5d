"""This PC as a platform of PlatformIO."""

from platformio.public import PlatformBase


class NativePlatform(PlatformBase):
    """Needs no packages: the compiler is the system's."""
