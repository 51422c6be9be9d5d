"""The emulators: Unicorn (from PyPI), QEMU, and the machine this runs on."""
