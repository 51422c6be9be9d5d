"""The doctor says what is there, and how to get what is not."""

from __future__ import annotations

import shutil

from toolkit.device import doctor


def test_what_is_installed_is_found_with_its_version() -> None:
    findings = {finding.name: finding for finding in doctor.check()}
    for name in ("ziglang", "unicorn", "capstone", "pyelftools", "numpy", "torch"):
        assert findings[name].found, name
        assert findings[name].required
        assert findings[name].version[0].isdigit()


def test_every_program_that_a_target_names_is_looked_for() -> None:
    findings = {finding.name: finding for finding in doctor.check()}
    for name in ("arm-none-eabi-gcc", "riscv64-unknown-elf-gcc", "qemu-system-arm", "qemu-aarch64"):
        assert findings[name].found == (shutil.which(name) is not None)
        assert not findings[name].required
        assert findings[name].needed_for
        assert findings[name].fix


def test_what_is_missing_has_a_fix(no_programs: None) -> None:
    missing = [finding for finding in doctor.check() if not finding.found]
    assert {"arm-none-eabi-gcc", "qemu-system-arm"} <= {finding.name for finding in missing}
    assert all(finding.fix and not finding.version for finding in missing)


def test_programs_that_flash_boards_are_looked_for_with_their_boards() -> None:
    findings = {finding.name: finding for finding in doctor.check()}
    for name in ("avrdude", "openocd", "st-flash"):
        assert findings[name].found == (shutil.which(name) is not None)
        assert findings[name].needed_for.startswith("flashing ")
        assert not findings[name].found or any(character.isdigit() for character in findings[name].version)
    assert "nucleo-f411re" in findings["st-flash"].needed_for
    assert {"esptool", "pyocd"} <= findings.keys()
