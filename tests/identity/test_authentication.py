"""Who may not come in: every header that is not exactly a standing key is 401, and told how to ask."""

import base64
import string

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenancy_fixtures import TestTenant
from vezne import identity
from vezne.identity import Authenticator, KeyText
from vezne.kernel.db import Database


def number_text(number: int) -> str:
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.b32encode(raw).decode().rstrip("=").lower()


def wrong_headers(tenant: TestTenant, other: TestTenant) -> dict[str, str | None]:
    key = tenant.secret_key
    secret = key.rpartition("_")[2]
    return {
        "none": None,
        "empty": "",
        "only the scheme": "Bearer",
        "no key": "Bearer ",
        "another scheme": f"Basic {key}",
        "no scheme": key,
        "two spaces": f"Bearer  {key}",
        "shorter": f"Bearer {key[:-1]}",
        "longer": f"Bearer {key}A",
        "another letter": f"Bearer {key[:-1]}{'A' if key[-1] != 'A' else 'B'}",
        "another kind": f"Bearer {key.replace('_sk_', '_pk_')}",
        "another mode": f"Bearer {key.replace('_test_', '_live_')}",
        "another tenant": f"Bearer vz_sk_test_{number_text(other.tenant_id)}_{secret}",
        "no such tenant": f"Bearer vz_sk_test_{number_text(2**62)}_{secret}",
        "an impossible tenant": f"Bearer vz_sk_test_{'7' * 13}_{secret}",
        "upper case": f"Bearer {key.upper()}",
        "fullwidth": f"Bearer {key[:-1]}\uff11",
        "a line more": f"Bearer {key}\n",
        "sql": "Bearer ' OR 1=1 --",
        "very long": f"Bearer vz_sk_test_{'a' * 100_000}",
    }


async def test_every_wrong_header_is_refused(db: Database, tenant: TestTenant, other_tenant: TestTenant) -> None:
    process = Authenticator(db)
    for name, header in wrong_headers(tenant, other_tenant).items():
        with pytest.raises((identity.KeyMissing, identity.KeyUnknown)):
            pytest.fail(f"{name}: {await process.authenticate(header)}")


async def test_a_right_header_names_the_tenant_the_key_and_what_it_may(db: Database, tenant: TestTenant) -> None:
    principal = await Authenticator(db).authenticate(f"bearer {tenant.secret_key}")
    assert (principal.tenant_id, principal.kind, principal.livemode) == (tenant.tenant_id, "key", False)
    assert principal.actor.startswith("key:key_")
    assert principal.permissions >= frozenset(identity.PERMISSIONS)


async def test_unknown_and_revoked_keys_are_told_the_same(http: httpx2.AsyncClient, tenant: TestTenant) -> None:
    made = (await http.post("/v1/api-keys", json={}, headers=tenant.headers)).json()
    await http.delete(f"/v1/api-keys/{made['id']}", headers=tenant.headers)
    never = made["key"][:-4] + "zzzz"
    answers = [await http.get("/v1/tenant", headers={"Authorization": f"Bearer {key}"}) for key in (made["key"], never)]
    for answer in answers:
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answers[0].json() | {"request_id": ""} == answers[1].json() | {"request_id": ""}


@pytest.mark.parametrize("path", ["/v1/tenant", "/v1/customers", "/v1/api-keys", "/v1/audit-log", "/v1/test-clock"])
async def test_nothing_is_shown_without_a_key(http: httpx2.AsyncClient, path: str) -> None:
    answer = await http.get(path)
    assert (answer.status_code, answer.json()["code"]) == (401, "key_missing")


@given(
    st.text(max_size=200) | st.text(alphabet=string.ascii_letters + string.digits + "_-", max_size=120).map("vz_sk_test_".__add__)
)
def test_reading_any_text_gives_a_key_or_none(text: str) -> None:
    read = KeyText.read(text)
    assert read is None or read.text == text


@given(st.integers(1, 2**63 - 1), st.sampled_from(["secret", "publishable", "restricted"]), st.booleans())
def test_a_fresh_key_reveals_its_tenant_and_is_like_no_other(number: int, kind: identity.KeyKind, livemode: bool) -> None:  # noqa: FBT001 - drawn
    text = KeyText.fresh(kind, number, livemode=livemode)
    assert KeyText.read(text.text) == text
    assert text.text != KeyText.fresh(kind, number, livemode=livemode).text


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(header=st.text(max_size=120))
async def test_no_text_at_all_lets_anyone_in(db: Database, header: str) -> None:
    with pytest.raises((identity.KeyMissing, identity.KeyUnknown)):
        await Authenticator(db).authenticate(header)
