"""What the sandbox refuses: keys, bodies, addresses and settings."""

from itertools import product
from pathlib import Path

import pytest
from pydantic import ValidationError

from sandbox.merchant import Gateway
from vezne.sandbox import SandboxSettings
from vezne.sandbox.loopback import loopback_url, with_payment

SETTINGS = {
    "database": Path("x"),
    "api_key": "sim_sk_test_0123456789",
    "webhook_secret": "whsec_c2FuZGJveC13ZWJob29rLXNlY3JldA==",
}


WRONG_KEYS = ("", "Bearer", "Bearer wrong", "Basic sim_sk_test_0123456789", "Bearer sim_sk_test_012345678")


async def test_without_the_right_key_nothing_is_told(gateway: Gateway) -> None:
    for path, key in product(("/payments", "/payments/sim_pay_x", "/faults", "/events"), WRONG_KEYS):
        answer = await gateway.client.get(f"/simulated/v1{path}", headers={"authorization": key})
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthenticated")
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_live_key_is_refused_by_name_and_not_repeated(gateway: Gateway) -> None:
    answer = await gateway.client.get("/simulated/v1/payments", headers={"authorization": "Bearer sk_live_51abc"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "live_key_refused")
    assert "51abc" not in answer.text


NO_AMOUNTS: tuple[object, ...] = (0, -1, 2**53, 1.0, 1.5, "100", True, None, "１００", [], {})
WRONG_FIELDS: list[tuple[str, object]] = [
    *[("amount_minor", value) for value in NO_AMOUNTS],
    *[("currency", value) for value in ("try", "TRL2", "XXX", "XAU", "COIN", "", 949, None)],
    *[("merchant_reference", value) for value in ("", " ", "a b", "x" * 129, "é", 7)],
    *[("capture", value) for value in ("later", "", True)],
    *[("locale", value) for value in ("", "../en", "e", 1)],
    *[("description", value) for value in ("x" * 201, 5)],
    *[("expires_in", value) for value in (0, -5, 86_401, 1.5)],
    ("surprise", 1),
]


async def test_a_wrong_field_is_refused_by_name(gateway: Gateway) -> None:
    for field, value in WRONG_FIELDS:
        answer = await gateway.post("/payments", gateway.order(**{field: value}))
        assert answer.status_code == 400, (field, value)
        error = answer.json()["error"]
        assert (error["code"], error["param"]) == ("invalid_parameter", field), (field, value)


async def test_currencies_of_no_two_and_three_decimals_are_taken(gateway: Gateway) -> None:
    for currency in ("TRY", "JPY", "KWD", "EUR"):
        assert (await gateway.payment(currency=currency, amount_minor=2**53 - 1))["currency"] == currency


NOT_JSON = [
    b"{",
    b"nonsense",
    b'{"amount_minor": NaN}',
    b'{"amount_minor": Infinity}',
    b'{"a": 1, "a": 1}',
    b"\xff\xfe",
    b'{"description": "\\ud800"}',
    b"[" * 20_000,
    b'{"amount_minor": ' + b"9" * 5_000 + b"}",
]


async def test_what_is_not_json_is_refused(gateway: Gateway) -> None:
    for body in NOT_JSON:
        answer = await gateway.client.post("/simulated/v1/payments", content=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_json"), body[:40]


async def test_1e400_a_list_and_a_large_body_are_refused(gateway: Gateway) -> None:
    for body, status in ((b'{"amount_minor": 1e400}', 400), (b"[]", 400), (b" " * 65_537, 413)):
        assert (await gateway.client.post("/simulated/v1/payments", content=body)).status_code == status


URLS = [
    "https://example.com/hook",
    "http://10.0.0.1/",
    "http://127.0.0.1.example.com/",
    "http://localhost.example.com/",
    "http://user@127.0.0.1/",
    "http://127.0.0.1\\@example.com/",
    "http://127.1/",
    "http://2130706433/",
    "http://[::ffff:10.0.0.1]/",
    "http://127.0.0.1:99999/",
    "ftp://127.0.0.1/",
    "javascript:alert(1)",
    "//127.0.0.1/",
    "http://127.0.0.1/ x",
    "http://127.0.0.1/" + "x" * 2048,
    "",
]


async def test_the_sandbox_calls_and_returns_to_no_other_machine(gateway: Gateway) -> None:
    for url in URLS:
        for field in ("webhook_url", "return_url"):
            answer = await gateway.post("/payments", gateway.order(**{field: url}))
            assert (answer.status_code, answer.json()["error"]["param"]) == (400, field), url


@pytest.mark.unit
@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/x?y=1", "http://localhost/", "https://[::1]:8443/", "http://127.9.9.9/"])
def test_loopback_addresses_are_taken_as_they_are(url: str) -> None:
    assert loopback_url(url) == url


@pytest.mark.unit
@pytest.mark.parametrize(
    ("url", "there"),
    [
        ("http://127.0.0.1/return", "http://127.0.0.1/return?payment=p"),
        ("http://127.0.0.1", "http://127.0.0.1/?payment=p"),
        ("http://127.0.0.1/r?a=%20b&c", "http://127.0.0.1/r?a=%20b&c&payment=p"),
        ("http://127.0.0.1/r?a=1#top", "http://127.0.0.1/r?a=1&payment=p#top"),
    ],
)
def test_the_payment_is_added_to_the_return_address(url: str, there: str) -> None:
    assert with_payment(url, "p") == there


@pytest.mark.unit
@pytest.mark.parametrize(
    "wrong",
    [
        {"api_key": "sim_sk_live_0123456789"},
        {"api_key": "sk_test_0123456789"},
        {"host": "0.0.0.0"},  # noqa: S104 - refused, that is the test
        {"host": "::"},
        {"host": "192.168.1.4"},
        {"host": "example.com"},
        {"public_url": "https://example.com"},
        {"webhook_secret": "secret"},
        {"webhook_secret": "whsec_short"},
        {"webhook_secret": "whsec_%%%%"},
        {"surprise": 1},
    ],
)
def test_settings_that_would_leave_this_machine_or_look_live_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as refused:
        SandboxSettings.model_validate({**SETTINGS, **wrong})
    assert "0123456789" not in str(refused.value)


@pytest.mark.unit
def test_settings_do_not_print_their_secrets() -> None:
    assert "0123456789" not in repr(SandboxSettings.model_validate(SETTINGS))
    assert "whsec" not in repr(SandboxSettings.model_validate(SETTINGS))


async def test_a_request_under_another_host_name_is_refused(gateway: Gateway) -> None:
    answer = await gateway.client.get("/simulated/healthz", headers={"host": "evil.example"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (421, "not_loopback")
    assert (await gateway.client.get("/simulated/healthz")).json() == {"status": "ok"}


async def test_unknown_things_and_wrong_methods_have_the_same_error_body(gateway: Gateway) -> None:
    for method, path, status in (
        ("GET", "/payments/sim_pay_none", 404),
        ("GET", "/refunds/sim_ref_none", 404),
        ("GET", "/events/sim_evt_none", 404),
        ("POST", "/payments/sim_pay_none/capture", 404),
        ("GET", "/nothing", 404),
        ("PUT", "/payments", 405),
    ):
        answer = await gateway.client.request(method, f"/simulated/v1{path}")
        assert answer.status_code == status
        assert set(answer.json()["error"]) == {"code", "message", "param"}
