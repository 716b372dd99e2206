"""Pages with commands are executed: they run in a shell against a running service, and print what the page says."""

import asyncio
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "docs" / name
    for name in (
        "tutorial/first-payment.md",
        "how-to/sell-seats.md",
        "how-to/rent-storage.md",
        "how-to/show-a-live-balance.md",
        "how-to/give-a-discount.md",
        "how-to/send-mail.md",
    )
]
_BLOCK = re.compile(r"^```(sh|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = "--- block {} ends ---"


@dataclass(frozen=True)
class Step:
    """Commands of a page, and what the page says they print."""

    commands: str
    printed: Any | None


def steps_of(page: str) -> list[Step]:
    """The shell blocks of a page, each with the JSON block that follows it."""
    found: list[Step] = []
    for language, text in _BLOCK.findall(page):
        if language == "sh":
            found.append(Step(text, None))
        else:
            found[-1] = Step(found[-1].commands, json.loads(text))
    return found


def missing(said: Any, printed: Any, where: str = "") -> str | None:  # noqa: ANN401 - JSON
    """The first thing the page says that the command did not print; what the page leaves out may be anything."""
    if isinstance(said, dict):
        if not isinstance(printed, dict):
            return where
        found = [missing(value, printed.get(name), f"{where}.{name}") for name, value in said.items()]
        return next((place for place in found if place), None)
    if isinstance(said, list):
        if not isinstance(printed, list) or len(said) != len(printed):
            return where
        found = [missing(value, printed[index], f"{where}[{index}]") for index, value in enumerate(said)]
        return next((place for place in found if place), None)
    return None if said == printed else f"{where}: {printed!r}"


async def run(script: str, folder: Path, environment: dict[str, str]) -> str:
    """What a shell script prints. Fails with all of it when a command fails."""
    process = await asyncio.create_subprocess_exec(
        "bash", "-euo", "pipefail", "-c", script,
        cwd=folder, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    text = output.decode()
    assert process.returncode == 0, text
    return text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
async def test_a_page_does_what_it_says(page: Path, tmp_path: Path) -> None:
    """CW1 to CW4, ET8, ET10, SR3 to SR7, as a newcomer types them."""
    steps = steps_of(page.read_text())
    assert len(steps) > 6
    data = tmp_path / "var"
    environment = {
        **os.environ,
        "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
        "VEZNE_DATA_DIR": str(data),
        "VEZNE_SANDBOX_PORT": "0",
        "VEZNE_PROCESSES": "1",
    }
    service = await asyncio.create_subprocess_exec(
        "vezne",
        "run",
        "--port",
        "0",
        "--json",
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert service.stdout is not None
        ready = json.loads(await asyncio.wait_for(service.stdout.readline(), 60))
        environment["VEZNE"] = ready["url"]
        script = "\n".join(f"{step.commands}\necho\necho '{_MARK.format(index)}'" for index, step in enumerate(steps))
        output = await run(script, tmp_path, environment)
    finally:
        service.terminate()
        await asyncio.wait_for(service.wait(), 30)
    for index, step in enumerate(steps):
        text, _, output = output.partition(_MARK.format(index))
        if step.printed is not None:
            place = missing(step.printed, json.loads(text))
            assert place is None, f"{step.commands}\nsays {step.printed}, but at {place} it printed\n{text}"


@pytest.mark.unit
def test_the_comparison_of_what_is_said_and_printed_can_fail() -> None:
    assert missing({"a": 1}, {"a": 1, "b": 2}) is None
    assert missing({"a": 1}, {"a": 2}) == ".a: 2"
    assert missing({"a": [1, 2]}, {"a": [1]}) == ".a"
    assert missing([{"a": {"b": 1}}], [{"a": {}}]) == "[0].a.b: None"


@pytest.mark.unit
def test_every_page_with_commands_is_executed() -> None:
    assert {page for page in (ROOT / "docs").rglob("*.md") if "```sh\n" in page.read_text()} == set(PAGES)
