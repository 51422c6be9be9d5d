"""Rules for the whole suite: with ``TOOLKIT_NO_SKIP=1`` a skipped test fails, for CI has everything."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

NO_SKIP = os.environ.get("TOOLKIT_NO_SKIP") == "1"


def _as_failure(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure that says why it skipped; an expected failure stays what it is."""
    if NO_SKIP and report.skipped and not hasattr(report, "wasxfail"):
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"TOOLKIT_NO_SKIP=1 allows no skip, but this test skipped.\n{why}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """See ``_as_failure``."""
    report = yield
    _as_failure(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """See ``_as_failure``; a module may skip as a whole."""
    report = yield
    _as_failure(report)
    return report
