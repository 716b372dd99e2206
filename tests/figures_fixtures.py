"""Figures of a test: what it did and how often, told at the end of the run; and faults it promised, which must have happened."""

from collections import Counter
from collections.abc import Callable, Iterator

import pytest


class Figures(Counter[str]):
    """Counts by name. `promise` names those that may not stay nought."""

    def __init__(self) -> None:
        super().__init__()
        self.promised: set[str] = set()

    def promise(self, *names: str) -> None:
        """The test fails when one of these has never been counted."""
        self.promised |= set(names)


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Iterator[Figures]:
    """This test's figures."""
    counted = Figures()
    yield counted
    record_property("figures", dict(counted))
    missing = {name for name in counted.promised if not counted[name]}
    assert not missing, f"promised, and never happened: {sorted(missing)}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures of all tests that keep some."""
    told = [
        (report.nodeid, value)
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", None) == "teardown"
        for name, value in report.user_properties
        if name == "figures"
    ]
    if told:
        terminalreporter.section("figures")
    for nodeid, value in sorted(told):
        terminalreporter.write_line(nodeid.partition("tests/")[2] or nodeid)
        terminalreporter.write_line("    " + ", ".join(f"{name} {count:,}" for name, count in value.items()))
