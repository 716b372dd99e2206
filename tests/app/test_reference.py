"""The documentation names every setting, command, endpoint, error and event there is."""

import pytest

from vezne.app.reference import FOLDER, HEADER, PAGES, refusals

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("name", PAGES)
def test_the_reference_is_what_the_code_says(name: str) -> None:
    written = (FOLDER / name).read_text(encoding="utf-8")
    assert written == HEADER + PAGES[name]().rstrip() + "\n", "write it anew: python -m vezne.app.reference"


def test_every_setting_is_described() -> None:
    assert "| |" not in (FOLDER / "settings.md").read_text(encoding="utf-8").partition("|---|---|---|")[2]


def test_every_command_speaks_json_but_the_ones_that_run_until_they_are_stopped() -> None:
    commands = (FOLDER / "cli.md").read_text(encoding="utf-8").split("\n## ")[1:]
    silent = {command.partition("\n")[0].strip("`") for command in commands if "`--json`" not in command}
    assert silent == {"vezne serve", "vezne worker", "vezne sandbox"}


def test_no_two_refusals_share_a_code() -> None:
    kinds = sorted(refusals(), key=lambda kind: kind.__qualname__)
    codes = [kind.code() for kind in kinds]
    assert sorted({code for code in codes if codes.count(code) > 1}) == []
