"""Pages: the reader's language, the catalogues, the policy that goes with every page, the assets."""

import re
import string
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount
from starlette.testclient import TestClient

from vezne.kernel.messages import LANGUAGES, MessageMissing, messages_of
from vezne.kernel.money import Money
from vezne.kernel.pages import (
    ASSETS_PATH,
    Pages,
    asset,
    asset_files,
    content_policy,
    language_of,
)

SRC = Path(__file__).resolve().parents[2] / "src" / "vezne"
CATALOGUES = sorted(SRC.glob("*/messages.toml"))
TEMPLATES = sorted(SRC.glob("*/templates/**/*.html"))
SLICES = sorted({path.relative_to(SRC).parts[0] for path in CATALOGUES})
built = pytest.mark.skipif(not (SRC / "assets/dist/manifest.json").is_file(), reason="the page assets are not built: make assets")


def request_for(query: str = "", accept: str = "") -> Request:
    headers = [(b"accept-language", accept.encode()), (b"host", b"pay.example")]
    scope = {
        "type": "http",
        "method": "GET",
        "scheme": "https",
        "path": "/pay/1",
        "query_string": query.encode(),
        "headers": headers,
    }
    return Request(scope)


@pytest.mark.unit
@pytest.mark.parametrize(
    ("query", "locale", "accept", "expected"),
    [
        ("", None, "", "en"),
        ("", None, "tr-TR,tr;q=0.9,en;q=0.8", "tr"),
        ("", None, "de, en;q=0.5, tr;q=0.7", "tr"),
        ("", None, "tr;q=0, en;q=0.1", "en"),
        ("", None, "de;q=nonsense,,;;;", "en"),
        ("", "tr_TR", "en", "tr"),
        ("", "de-DE", "tr", "tr"),
        ("lang=en", "tr-TR", "tr", "en"),
        ("lang=xx", "tr-TR", "en", "tr"),
    ],
)
def test_the_readers_choice_goes_before_the_tenants_and_that_before_the_browsers(
    query: str, locale: str | None, accept: str, expected: str
) -> None:
    assert language_of(request_for(query, accept), locale) == expected


def names_in(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.unit
@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parent.name)
def test_every_message_is_there_in_every_language_with_the_same_names(path: Path) -> None:
    for key, texts in messages_of(path).items():
        assert set(texts) == set(LANGUAGES), key
        assert all(texts.values()), key
        assert len({frozenset(names_in(text)) for text in texts.values()}) == 1, key


@pytest.mark.unit
@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: f"{path.relative_to(SRC)}")
def test_every_message_a_template_asks_for_exists(path: Path) -> None:
    pages = Pages(*SLICES)
    for key in re.findall(r"""\bt\(\s*['"]([\w.]+)['"]\s*[,)]""", path.read_text(encoding="utf-8")):
        for lang in LANGUAGES:
            assert pages._translator.template(lang, key)


@pytest.mark.unit
def test_a_missing_message_is_an_error_and_not_a_blank() -> None:
    with pytest.raises(MessageMissing, match=r"no message page\.nothing in tr"):
        Pages().text("tr", "page.nothing")


@pytest.mark.unit
@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: f"{path.relative_to(SRC)}")
def test_no_template_needs_what_the_content_policy_forbids(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"""\s(style|on[a-z]+)=["']""", text)
    assert not re.search(r"<(script|style)(?![^>]*(\bsrc=|nonce))", text)
    assert not re.search(r"""(src|href)=["']https?://""", text)


@pytest.mark.unit
def test_the_policy_names_only_the_origins_it_was_given() -> None:
    assert "frame-ancestors 'none'" in content_policy()
    assert "unsafe" not in content_policy(["abc"], ["https://pay.example"])
    assert "script-src 'self' 'nonce-abc'" in content_policy(["abc"])
    assert "form-action 'self' https://pay.example;" in content_policy((), ["https://pay.example"])


@pytest.mark.unit
@built
def test_a_page_escapes_what_it_is_given_and_says_its_language() -> None:
    answer = Pages().render(
        request_for("lang=tr&x=1"), "problem.html", status=404, message="<b>no</b>", request_id='"><script>alert(1)</script>'
    )
    page = bytes(answer.body).decode()
    assert answer.status_code == 404
    assert '<html lang="tr">' in page
    assert "<b>no</b>" not in page
    assert "<script>alert" not in page
    assert 'href="?x=1&amp;lang=en"' in page
    assert answer.headers["content-language"] == "tr"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-frame-options"] == "DENY"


@pytest.mark.unit
@built
def test_an_amount_is_written_as_its_reader_writes_it() -> None:
    template = Pages()._environment.from_string("{{ money(value) }}")
    assert template.render(lang="tr", value=Money(123456, "TRY")) == '<span class="amount">₺1.234,56</span>'


@pytest.mark.unit
@built
def test_assets_are_kept_for_ever_under_a_name_that_changes_with_them() -> None:
    client = TestClient(Starlette(routes=[Mount(ASSETS_PATH, asset_files())]))
    answer = client.get(asset("vezne.css"))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert re.fullmatch(r"/assets/vezne\.[0-9a-f]{12}\.css", asset("vezne.css"))
    assert client.get(f"{ASSETS_PATH}/vezne.000000000000.css").status_code == 404
    assert client.get(f"{ASSETS_PATH}/../manifest.json").status_code == 404
