"""A visit of the widget begins with a publishable key and goes on with a token (SR3)."""

from datetime import UTC, datetime, timedelta

import httpx2
import jwt
import pytest

from tenancy_fixtures import TestTenant
from vezne import identity
from vezne.kernel.ids import new_id
from widget_fixtures import SITE, Depot, wish

ORIGIN = "Origin"


async def test_a_publishable_key_begins_a_visit(depot: Depot) -> None:
    begun = await depot.init()
    assert begun["expires_in"] == 3600
    assert begun["access_token"].count(".") == 2
    assert begun["tenant"] == "Kampüs"
    assert begun["livemode"] is False
    assert begun["captcha"] == {"kind": "none", "site_key": None, "challenge": None}
    assert begun["texts"] == {
        "version": "2026-03",
        "privacy_url": "https://otel.example/kvkk",
        "terms_url": "https://otel.example/terms",
    }


@pytest.mark.parametrize(("wished", "spoken"), [("", "en"), ("tr-TR,tr;q=0.9", "tr"), ("de", "en"), ("en-GB", "en")])
async def test_the_visit_speaks_the_browsers_language_else_the_tenants(depot: Depot, wished: str, spoken: str) -> None:
    begun = await depot.init(**{"Accept-Language": wished})
    assert begun["locale"] == spoken


@pytest.mark.parametrize("key", ["", "demo-public-key", "vz_pk_test_ae_" + "a" * 43, "vz_pk_\u0131", "Bearer"])
async def test_a_wrong_key_is_401(depot: Depot, key: str) -> None:
    answer = await depot.http.get("/v1/widget/init", params={"key": key})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_secret_key_begins_no_visit_as_it_has_no_business_in_a_browser(depot: Depot) -> None:
    assert (await depot.http.get("/v1/widget/init", params={"key": depot.tenant.secret_key})).status_code == 401


async def test_the_tenant_may_be_named_and_then_must_be_the_keys(depot: Depot, other_tenant: TestTenant) -> None:
    async with depot.db.transaction(depot.tenant.principal) as tx:
        own = await identity.tenant_of(tx)
    async with depot.db.transaction(other_tenant.principal) as tx:
        other = await identity.tenant_of(tx)
    for named, status in ((own.slug, 200), (other.slug, 403), ("ten_nonsense", 403)):
        answer = await depot.http.get("/v1/widget/init", params={"key": depot.tenant.publishable_key, "tenant_id": named})
        assert answer.status_code == status, named
        assert status == 200 or answer.json()["errors"][0]["loc"] == ["query", "tenant_id"]


@pytest.mark.parametrize("damage", ["none", "word", "signature", "algorithm", "audience", "over", "secret_key"])
async def test_a_bad_token_is_401_in_the_guests_language(depot: Depot, damage: str) -> None:
    good = await depot.token()
    claims = jwt.decode(good, options={"verify_signature": False})
    key = depot.db.vault.key("widget")
    bad = {
        "none": "",
        "word": "jwt...",
        "signature": good[:-4] + ("AAAA" if good[-4:] != "AAAA" else "BBBB"),
        "algorithm": jwt.encode(claims, "", "none"),
        "audience": jwt.encode(claims | {"aud": "console"}, key, "HS256"),
        "over": jwt.encode(claims | {"exp": datetime.now(UTC) - timedelta(seconds=1)}, key, "HS256"),  # noqa: TID251
        "secret_key": depot.tenant.secret_key,
    }[damage]
    answer = await depot.http.post(
        "/v1/widget/reservations", json=wish(), headers={"Authorization": f"Bearer {bad}", "Accept-Language": "tr"}
    )
    assert answer.status_code == 401
    assert answer.json()["code"] == "widget_token_invalid"
    assert answer.json()["detail"].startswith("Widget token geçersiz")


async def test_a_revoked_key_ends_its_tokens(depot: Depot) -> None:
    token = await depot.token()
    async with depot.db.transaction(depot.tenant.principal) as tx:
        for key in await identity.list_keys(tx):
            if key.kind == "publishable":
                await identity.revoke_key(tx, key.id)
    assert (await depot.reserve(token=token)).status_code == 401


async def test_a_token_of_a_key_that_never_was_is_401(depot: Depot) -> None:
    claims = jwt.decode(await depot.token(), options={"verify_signature": False})
    forged = jwt.encode(claims | {"key": new_id().hex}, depot.db.vault.key("widget"), "HS256")
    assert (await depot.reserve(token=forged)).status_code == 401


# ---------------------------------------------------------------------------------------------------- other web sites


def readable_by(answer: httpx2.Response) -> str | None:
    """The site whose scripts may read the answer."""
    return answer.headers.get("access-control-allow-origin")


async def test_the_tenants_sites_may_read_the_answers_and_no_cookie_is_ever_set(depot: Depot) -> None:
    await depot.storage()
    begun = await depot.http.get("/v1/widget/init", params={"key": depot.tenant.publishable_key}, headers={ORIGIN: SITE})
    taken = await depot.reserve(token=begun.json()["access_token"], headers={ORIGIN: SITE})
    wrong = await depot.reserve(wish(kvkk_consent=False), headers={ORIGIN: SITE})
    for answer in (begun, taken, wrong):
        assert readable_by(answer) == SITE
        assert "access-control-allow-credentials" not in answer.headers
        assert "set-cookie" not in answer.headers
        assert "Origin" in answer.headers["vary"]
    assert (begun.status_code, taken.status_code, wrong.status_code) == (200, 200, 422)


@pytest.mark.parametrize("site", ["https://evil.example", "http://otel.example", "https://otel.example.evil.example", "null"])
async def test_other_sites_are_refused_and_may_read_nothing(depot: Depot, site: str) -> None:
    await depot.storage()
    begun = await depot.http.get("/v1/widget/init", params={"key": depot.tenant.publishable_key}, headers={ORIGIN: site})
    taken = await depot.reserve(headers={ORIGIN: site})
    for answer in (begun, taken):
        assert answer.status_code == 403
        assert answer.json()["code"] == "origin_not_allowed"
        assert readable_by(answer) is None
    assert await depot.all_of() == []


async def test_another_tenants_site_is_no_site_of_this_one(depot: Depot, other_tenant: TestTenant) -> None:
    async with depot.db.transaction(other_tenant.principal) as tx:
        await identity.change_tenant(tx, settings={"widget_origins": ["https://rival.example"]})
    answer = await depot.reserve(headers={ORIGIN: "https://rival.example"})
    assert answer.status_code == 403
    assert readable_by(answer) is None


@pytest.mark.parametrize("path", ["/v1/widget/init", "/v1/widget/reservations", "/v1/widget/captcha"])
async def test_browsers_are_told_beforehand_who_may_ask(depot: Depot, path: str) -> None:
    for params in ({}, {"key": depot.tenant.publishable_key}):
        asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
        allowed = await depot.http.options(path, params=params, headers={ORIGIN: SITE, **asked})
        assert allowed.status_code == 204
        assert readable_by(allowed) == SITE
        assert "authorization" in allowed.headers["access-control-allow-headers"]
        refused = await depot.http.options(path, params=params, headers={ORIGIN: "https://evil.example", **asked})
        assert refused.status_code == 403
        assert readable_by(refused) is None


async def test_a_preflight_with_a_key_is_exact_for_its_tenant(depot: Depot, other_tenant: TestTenant) -> None:
    answer = await depot.http.options(
        "/v1/widget/reservations", params={"key": other_tenant.publishable_key}, headers={ORIGIN: SITE}
    )
    assert answer.status_code == 403
    assert readable_by(answer) is None


async def test_a_bad_token_from_a_tenants_site_is_told_readably(depot: Depot) -> None:
    answer = await depot.reserve(token="nonsense", headers={ORIGIN: SITE})
    assert (answer.status_code, readable_by(answer)) == (401, SITE)
