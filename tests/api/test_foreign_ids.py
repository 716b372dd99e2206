"""Another tenant's things do not exist here: every endpoint answers their ids exactly as it answers ids of nothing."""

import json
from typing import Any

import httpx2

from api.endpoints import NAMES, PATH_PREFIXES, Endpoint, endpoints
from service_fixtures import Belongings, Caller
from tenancy_fixtures import TestTenant
from vezne.kernel.ids import new_id, public_id

SECURED_BY_SIGNATURE = {
    "POST /v1/providers/{provider}/webhooks/{tenant}",
    "POST /v1/stripe/webhook",
    "POST /payment/webhooks/stripe",
    *(f"POST {prefix}/{step}" for prefix in ("/v1/payu", "/api/payments/payu") for step in ("success", "failure", "webhook")),
}
FOR_EVERYBODY = {
    "GET /v1/ticket-keys",
    *(f"GET {prefix}/demo/{{session_id}}" for prefix in ("/v1/magicpay", "/payments/magicpay")),
}
BY_WIDGET_TOKEN = {
    *(f"GET {prefix}/widget/init" for prefix in ("/v1", "/public")),
    *(f"POST {prefix}/widget/reservations" for prefix in ("/v1", "/public")),
    "GET /v1/widget/captcha",
}
"""Tried by the widget's own tests: the token names its tenant."""
FOR_PUBLISHABLE_KEYS = {"GET /v1/checkout-sessions/current"}
OF_ONE_CUSTOMER = {
    f"GET {prefix}/{what}"
    for prefix in ("/v1", "/payment")
    for what in ("credits/balance", "credits/history", "memberships/current")
}
"""A customer's token asks for its own customer; a key must name one."""
NO_KEYS = (None, "", "Bearer", "Bearer ", "Basic dmV6bmU6dmV6bmU=", "Bearer vz_sk_test_1_nothing", "Bearer \x7f", "vz_sk")


def secured(described: dict[str, Any]) -> list[Endpoint]:
    """Every endpoint that asks for a key."""
    open_to_all = {str(each) for each in endpoints(described) if not each.is_secured}
    assert open_to_all == SECURED_BY_SIGNATURE | FOR_EVERYBODY | BY_WIDGET_TOKEN
    return [each for each in endpoints(described) if each.is_secured]


def with_ids(described: dict[str, Any]) -> list[Endpoint]:
    """Every endpoint with an id in its path."""
    return [each for each in secured(described) if each.parameters]


async def ask(http: httpx2.AsyncClient, endpoint: Endpoint, ids: dict[str, str], headers: dict[str, str]) -> httpx2.Response:
    """A request that is right but for the ids or the key it is tried with."""
    return await http.request(endpoint.method.upper(), endpoint.url(ids), json=endpoint.body(ids), headers=headers)


def unknown_ids() -> dict[str, str]:
    """Ids of nothing."""
    return {prefix: public_id(prefix, new_id()) for prefix in PATH_PREFIXES.values()}


def without(answer: httpx2.Response, ids: dict[str, str]) -> tuple[int, str, list[tuple[str, str]]]:
    """The answer with its request id and the ids of the request blacked out: all that tells one from another."""
    text = answer.text.replace(str(answer.json()["request_id"]), "REQUEST")
    for prefix, value in ids.items():
        text = text.replace(value, f"{prefix}_ID")
    headers = sorted((name, value) for name, value in answer.headers.items() if name not in {"x-request-id", "date"})
    return answer.status_code, text, headers


def test_every_name_in_a_path_has_something_made_for_it(described: dict[str, Any]) -> None:
    named = {name for each in secured(described) for name in each.parameters}
    assert named <= set(PATH_PREFIXES), f"say in endpoints.py what {named - set(PATH_PREFIXES)} names, and make one"
    assert len(with_ids(described)) >= 20


async def test_a_foreign_id_is_answered_as_an_unknown_one(
    described: dict[str, Any], http: httpx2.AsyncClient, tenant: TestTenant, own: Belongings, foreign: Belongings
) -> None:
    tried = 0
    for endpoint in with_ids(described):
        for name in endpoint.parameters:
            prefix = PATH_PREFIXES[name]
            theirs = own.ids | {prefix: foreign[prefix]}
            nobodys = own.ids | {prefix: public_id(prefix, new_id())}
            answer = await ask(http, endpoint, theirs, tenant.headers)
            blank = await ask(http, endpoint, nobodys, tenant.headers)
            assert answer.status_code == 404, f"{endpoint}: {answer.status_code} {answer.text}"
            assert without(answer, theirs) == without(blank, nobodys), endpoint
            tried += 1
    print(f"\n{tried} ids in the paths of {len(with_ids(described))} endpoints")


async def test_what_is_no_id_is_answered_as_an_unknown_one(
    described: dict[str, Any], http: httpx2.AsyncClient, tenant: TestTenant, own: Belongings
) -> None:
    for endpoint in with_ids(described):
        for text in ("1", "null", "%00", "wal_", "wal_!!", "txn_01h455vb4pex5vsknk084sn02", "\u202e", "a" * 300, own["key"][4:]):
            ids = dict.fromkeys(own.ids, text)
            answer = await http.request(
                endpoint.method.upper(), endpoint.url(ids), json=endpoint.body(own.ids), headers=tenant.headers
            )
            expected = {404, 422} if NAMES & set(endpoint.parameters) else {404}  # a name may be none at all
            assert answer.status_code in expected, f"{endpoint} {text!r}: {answer.status_code} {answer.text}"


async def test_foreign_ids_in_a_body_are_answered_as_unknown_ones(
    described: dict[str, Any], http: httpx2.AsyncClient, tenant: TestTenant, own: Belongings, foreign: Belongings
) -> None:
    tried = 0
    for endpoint in secured(described):
        body = endpoint.body(own.ids)
        if not isinstance(body, dict) or endpoint.path.endswith("/batch"):
            continue
        for field in [field for field in body if field.endswith("_id") and field not in NAMES and isinstance(body[field], str)]:
            prefix = body[field][:3]
            sent = [foreign[prefix], public_id(prefix, new_id())]
            answers = [
                await http.request(
                    endpoint.method.upper(), endpoint.url(own.ids), json=body | {field: text}, headers=tenant.headers
                )
                for text in sent
            ]
            assert answers[0].status_code in {404, 422}, f"{endpoint} {field}: {answers[0].text}"
            told = [without(answer, {prefix: text}) for answer, text in zip(answers, sent, strict=True)]
            assert told[0] == told[1], f"{endpoint} {field}"
            tried += 1
    assert tried >= 4


async def test_a_batch_tells_nothing_of_foreign_wallets(caller: Caller, own: Belongings, foreign: Belongings) -> None:
    lines = []
    for wallet in (foreign["wal"], public_id("wal", new_id())):
        moves = [
            {"move": "debit", "wallet_id": wallet, "amount_minor": 1, "currency": "TRY"},
            {"move": "transfer", "from_wallet_id": wallet, "to_wallet_id": own["wal"], "amount_minor": 1, "currency": "TRY"},
            {"move": "transfer", "from_wallet_id": own["wal"], "to_wallet_id": wallet, "amount_minor": 1, "currency": "TRY"},
        ]
        made = await caller.make("/v1/transfers/batch", {"moves": moves})
        assert (made["done"], made["refused"]) == (0, 3)
        lines.append(json.dumps(made).replace(wallet, "WALLET"))
    assert lines[0] == lines[1]


async def test_lists_show_only_what_is_ones_own(
    described: dict[str, Any], caller: Caller, own: Belongings, foreign: Belongings
) -> None:
    hidden = set(foreign.ids.values())
    for endpoint in secured(described):
        if endpoint.method != "get" or endpoint.parameters or endpoint.needs_query:
            continue
        if str(endpoint) not in FOR_PUBLISHABLE_KEYS:
            whose = {"customer_id": own["cus"]} if str(endpoint) in OF_ONE_CUSTOMER else {}
            seen = json.dumps(await caller.see(endpoint.path, **whose))
            assert not [each for each in hidden if each in seen], endpoint


async def test_without_a_good_key_nothing_is_told(described: dict[str, Any], http: httpx2.AsyncClient, own: Belongings) -> None:
    for endpoint in secured(described):
        for authorization in NO_KEYS:
            headers = {} if authorization is None else {"Authorization": authorization}
            answer = await ask(http, endpoint, own.ids, headers)
            assert answer.status_code == 401, f"{endpoint}: {answer.status_code} {answer.text}"
            assert answer.headers["www-authenticate"].startswith("Bearer")
        assert (await ask(http, endpoint, unknown_ids(), {})).status_code == 401


async def test_a_revoked_key_and_a_changed_one_are_refused_everywhere(
    described: dict[str, Any], http: httpx2.AsyncClient, caller: Caller, own: Belongings
) -> None:
    made = await caller.make("/v1/api-keys", {"kind": "secret", "name": "to be revoked"})
    revoked = await http.delete(f"/v1/api-keys/{made['id']}", headers=caller.tenant.headers)
    assert revoked.status_code == 200
    live = caller.tenant.secret_key.replace("_test_", "_live_")
    changed = caller.tenant.secret_key[:-1] + ("a" if caller.tenant.secret_key[-1] != "a" else "b")
    for key in (made["key"], live, changed):
        for endpoint in secured(described):
            answer = await ask(http, endpoint, own.ids, {"Authorization": f"Bearer {key}"})
            assert answer.status_code == 401, f"{endpoint}: {answer.status_code} {answer.text}"


async def test_a_key_without_the_permission_is_forbidden_before_anything_is_looked_up(
    described: dict[str, Any], http: httpx2.AsyncClient, caller: Caller, own: Belongings
) -> None:
    made = await caller.make("/v1/api-keys", {"kind": "restricted", "name": "imports only", "permissions": ["imports.write"]})
    for key in (made["key"], caller.tenant.publishable_key):
        for endpoint in secured(described):
            if str(endpoint) in FOR_PUBLISHABLE_KEYS and key == caller.tenant.publishable_key:
                continue
            for ids in (own.ids, unknown_ids()):
                answer = await ask(http, endpoint, ids, {"Authorization": f"Bearer {key}"})
                assert answer.status_code == 403, f"{endpoint}: {answer.status_code} {answer.text}"


async def test_a_read_only_key_changes_nothing(
    described: dict[str, Any], http: httpx2.AsyncClient, caller: Caller, own: Belongings
) -> None:
    reading = ["wallets.read", "payments.read", "orders.read", "customers.read", "ledger.read", "audit.read", "tenant.read"]
    made = await caller.make("/v1/api-keys", {"kind": "restricted", "name": "viewer", "permissions": reading})
    headers = {"Authorization": f"Bearer {made['key']}"}
    for endpoint in secured(described):
        if endpoint.method != "get":
            answer = await ask(http, endpoint, own.ids, headers)
            assert answer.status_code == 403, f"{endpoint}: {answer.status_code} {answer.text}"
