"""Fixtures of the measuring tests: those of the device tests."""

from tests.device.conftest import bundle, need, no_programs

__all__ = ["bundle", "need", "no_programs"]
