"""The page that other sites show in a frame, and the script that puts it there."""

import gzip
import re
from pathlib import Path

import httpx2
import pytest

from tenancy_fixtures import TenantMaker
from vezne import identity, widget
from vezne.kernel.messages import LANGUAGES
from widget_fixtures import SITE, Depot, days

SCRIPT = Path(widget.__file__).parent / "templates" / "widget-embed.js"
LARGEST = 5 * 1024
built = pytest.mark.skipif(
    not (Path(identity.__file__).parents[1] / "assets/dist/manifest.json").is_file(), reason="the page assets are not built"
)


def form(**other: str) -> dict[str, str]:
    """What a guest's browser sends."""
    ticked = {"kvkk_consent": "yes", "terms_consent": "yes"}
    return {"name": "Ada", "email": "ada@example.org", "phone": "", **days(), **ticked, **other}


async def open_page(depot: Depot, **params: str) -> httpx2.Response:
    return await depot.http.get(f"/widget/{depot.tenant.publishable_key}", params=params)


async def send(depot: Depot, fields: dict[str, str], **params: str) -> httpx2.Response:
    page = await open_page(depot, **params)
    token = re.search(r'name="token" value="([^"]+)"', page.text)
    sent = fields if token is None else {"token": token[1], **fields}
    return await depot.http.post(f"/widget/{depot.tenant.publishable_key}", data=sent, params=params)


def policy(answer: httpx2.Response) -> dict[str, str]:
    """The content policy, by directive."""
    parts = answer.headers["content-security-policy"].split("; ")
    return {name: sources for name, _, sources in (part.strip().partition(" ") for part in parts)}


@pytest.mark.unit
def test_the_script_is_a_few_kilobytes_and_keeps_nothing() -> None:
    source = SCRIPT.read_bytes()
    assert len(gzip.compress(source)) < LARGEST
    for word in (b"cookie =", b"document.cookie", b"localStorage", b"sessionStorage", b"eval(", b"innerHTML"):
        assert word not in source
    assert b"event.origin !== ours" in source


async def test_the_script_may_be_loaded_from_anywhere(depot: Depot) -> None:
    answer = await depot.http.get("/widget/v1.js")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.content == SCRIPT.read_bytes()


@built
async def test_the_tenants_sites_and_nobody_else_may_frame_the_page(depot: Depot) -> None:
    await depot.storage()
    await depot.change(widget_origins=[SITE, "https://blog.example:8443"])
    for answer in (await open_page(depot), await send(depot, form()), await send(depot, form(name=""))):
        assert policy(answer)["frame-ancestors"] == f"'self' {SITE} https://blog.example:8443"
        assert "x-frame-options" not in answer.headers
        assert policy(answer)["default-src"] == "'none'"
        assert policy(answer)["script-src"] == "'self'"
        assert policy(answer)["form-action"] == "'self'"
        assert "set-cookie" not in answer.headers
        assert answer.headers["cache-control"] == "no-store"


@built
async def test_a_key_that_is_none_is_404_and_framed_by_nobody(depot: Depot) -> None:
    for key in ("nonsense", depot.tenant.secret_key, "vz_pk_test_ae_" + "a" * 43):
        for answer in (await depot.http.get(f"/widget/{key}"), await depot.http.post(f"/widget/{key}", data=form())):
            assert answer.status_code == 404
            assert policy(answer)["frame-ancestors"] == "'none'"
            assert answer.headers["x-frame-options"] == "DENY"
            assert depot.tenant.secret_key not in answer.text


@built
async def test_other_pages_are_framed_by_nobody_still(depot: Depot) -> None:
    answer = await depot.http.get("/widget/demo")
    assert policy(answer)["frame-ancestors"] == "'none'"
    assert policy(answer)["frame-src"] == "'self'"
    assert answer.headers["x-frame-options"] == "DENY"


@built
async def test_the_page_talks_only_to_a_site_that_is_allowed(depot: Depot) -> None:
    await depot.storage()
    assert f'data-parent="{SITE}"' in (await open_page(depot, origin=SITE)).text
    assert "data-parent" not in (await open_page(depot, origin="https://evil.example")).text
    assert "data-parent" not in (await open_page(depot)).text


@built
@pytest.mark.parametrize("lang", LANGUAGES)
async def test_the_form_speaks_the_guests_language_through_every_step(depot: Depot, lang: str) -> None:
    await depot.storage()
    words = {
        "en": ("Reserve your storage", "Enter your name.", "held for you"),
        "tr": ("Deponuzu ayırtın", "Adınızı girin.", "tutuluyor"),
    }
    for answer, word in zip(
        (await open_page(depot, lang=lang), await send(depot, form(name=""), lang=lang), await send(depot, form(), lang=lang)),
        words[lang],
        strict=True,
    ):
        assert word in answer.text
        assert f'<html lang="{lang}">' in answer.text


@built
async def test_a_form_sent_twice_is_one_reservation(depot: Depot) -> None:
    await depot.storage(3)
    page = await open_page(depot)
    token = re.search(r'name="token" value="([^"]+)"', page.text)
    assert token is not None
    url = f"/widget/{depot.tenant.publishable_key}"
    answers = [await depot.http.post(url, data={"token": token[1], **form()}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert await depot.count("orders") == 1


@built
@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"checkin_date": ""}, 400, "checkin_date"),
        ({"checkout_date": "x"}, 400, "checkout_date"),
        ({"name": " "}, 422, "name"),
        ({"email": "ada"}, 422, "email"),
        ({"phone": "<script>"}, 422, "phone"),
        ({"name": "4242 4242 4242 4242"}, 422, "name"),
    ],
)
async def test_what_is_wrong_stands_at_its_field(depot: Depot, change: dict[str, str], status: int, field: str) -> None:
    await depot.storage()
    answer = await send(depot, form(**change))
    assert answer.status_code == status
    assert f'id="{field}-error"' in answer.text
    assert "<script>" not in answer.text
    assert await depot.all_of() == []


@built
async def test_everything_that_is_missing_is_told_at_once(depot: Depot) -> None:
    await depot.storage()
    answer = await send(depot, {})
    for field in ("checkin_date", "checkout_date", "name", "email", "kvkk_consent", "terms_consent"):
        assert f'id="{field}-error"' in answer.text, field


@built
@pytest.mark.parametrize("raw", [b"", b"\xff\xfe", b"a=1&" * 100, b"token=x"])
async def test_what_is_no_form_is_answered_by_the_form(depot: Depot, raw: bytes) -> None:
    await depot.storage()
    answer = await depot.http.post(
        f"/widget/{depot.tenant.publishable_key}",
        content=raw,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert answer.status_code == 400
    assert 'id="reserve"' in answer.text


@built
async def test_a_token_of_another_tenant_is_not_taken(depot: Depot, make_tenant: TenantMaker) -> None:
    await depot.storage()
    other = Depot(depot.db, await make_tenant(), depot.http)
    answer = await depot.http.post(f"/widget/{depot.tenant.publishable_key}", data={"token": await other.token(), **form()})
    assert answer.status_code == 400
    assert await depot.all_of() == []
    token = re.search(r'name="token" value="([^"]+)"', answer.text)
    assert token is not None
    again = await depot.http.post(f"/widget/{depot.tenant.publishable_key}", data={"token": token[1], **form()})
    assert again.status_code == 200


@built
async def test_a_place_without_storage_says_so(depot: Depot) -> None:
    answer = await open_page(depot, lang="tr")
    assert "ayırtılabilecek depo yok" in answer.text
    assert 'id="reserve"' not in answer.text


@built
async def test_one_storage_may_be_shown_alone(depot: Depot) -> None:
    first = await depot.storage(name="Kadıköy Depo")
    await depot.storage(name="Beşiktaş Depo")
    page = await open_page(depot, resource=first)
    assert "Kadıköy" in page.text
    assert "Beşiktaş" not in page.text
    for named in ("nonsense", "rsc_01h455vb4pex5vsknk084sn02q"):
        assert (await open_page(depot, resource=named)).status_code == 404


@built
async def test_a_page_with_hcaptcha_may_load_it_and_nothing_else(depot: Depot) -> None:
    await depot.storage()
    await depot.change(widget_captcha="hcaptcha")
    answer = await open_page(depot)
    assert policy(answer)["script-src"] == "'self' https://hcaptcha.com https://*.hcaptcha.com"
    assert policy(answer)["frame-src"] == "https://hcaptcha.com https://*.hcaptcha.com"
    assert policy(answer)["default-src"] == "'none'"
    assert "https://js.hcaptcha.com/1/api.js" in answer.text
