"""Letters' templates: every word in every language, both bodies of each, and nothing that is loaded from elsewhere."""

import re
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from vezne.kernel.mail import Letters
from vezne.kernel.messages import LANGUAGES, Translator
from vezne.kernel.money import Money

pytestmark = pytest.mark.unit

SRC = Path(__file__).resolve().parents[2] / "src" / "vezne"
TEMPLATES = sorted([*SRC.glob("*/templates/*.mjml"), *SRC.glob("*/templates/*.txt")])
IDS = [str(path.relative_to(SRC)) for path in TEMPLATES]


@pytest.mark.parametrize("path", TEMPLATES, ids=IDS)
def test_every_message_a_letter_asks_for_exists(path: Path) -> None:
    known = Translator([SRC / "kernel" / "messages.toml", path.parents[1] / "messages.toml"])
    for key in re.findall(r"""\bt\(\s*['"]([\w.]+)['"]\s*[,)]""", path.read_text(encoding="utf-8")):
        for language in LANGUAGES:
            assert known.template(language, key)


@pytest.mark.parametrize("path", TEMPLATES, ids=IDS)
def test_every_letter_has_both_bodies(path: Path) -> None:
    assert path.with_suffix(".mjml").is_file()
    assert path.with_suffix(".txt").is_file()


@pytest.mark.parametrize("path", TEMPLATES, ids=IDS)
def test_no_template_loads_anything_from_elsewhere(path: Path) -> None:
    assert not re.search(r"https?://|<mj-image|<mj-font|<img|@import|url\(", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_letter_is_whole_escaped_and_legible_in_the_dark(language: str) -> None:
    body = Letters("wallets").render(
        "lapse",
        language=language,
        sender="A & B <b>",
        zone=ZoneInfo("Europe/Istanbul"),
        seller="A & B <b>",
        name="</td><script>",
        test_mode=True,
        rows=[(date(2026, 3, 1), Money(5, "CREDIT")), (datetime(2026, 3, 1, 22, tzinfo=UTC), Money(7, "COIN"))],
    )
    assert "A &amp; B &lt;b&gt;" in body.html
    assert "<script" not in body.html
    assert "</td><script>" in body.text
    assert "A & B <b>" in body.text
    assert "prefers-color-scheme: dark" in body.html
    assert "\n\n\n" not in body.text
    assert not re.search(r"https?://", body.html.replace("http://www.w3.org/1999/xhtml", ""))
    assert {"1 Mart 2026", "2 Mart 2026"} <= set(re.findall(r"\d Mart 2026", body.text)) or language == "en"
