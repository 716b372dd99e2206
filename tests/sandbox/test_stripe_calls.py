"""How Stripe's API is called at the sandbox: keys, versions, repeats, bodies, customers, methods and test clocks."""

import threading
from typing import Any

import pytest
import stripe

from sandbox.merchant import KEY, SECRET
from sandbox.stripe_lab import STRIPE_KEY, Lab, ShiftedClock, intent_of, lab, looked_at, until
from sandbox.stripe_shapes import SHAPES
from vezne.sandbox import SandboxSettings
from vezne.sandbox.stripe.errors import StripeRefused
from vezne.sandbox.stripe.params import read
from vezne.sandbox.stripe.shapes import _SHAPES

AUTH = {"authorization": f"Bearer {STRIPE_KEY}"}


@pytest.mark.unit
def test_the_shapes_here_are_the_shapes_of_the_fixtures() -> None:
    for kind, shape in _SHAPES.items():
        assert set(shape) == set(SHAPES[kind]), kind


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("", "You did not provide an API key"),
        ("Bearer sk_test_another1234567890", "Invalid API Key provided: sk_test_********7890"),
        ("Bearer sk_live_1234567890", "a live key must never be sent"),
        ("Basic c2tfbGl2ZV8xMjM0NTY3ODkwOg==", "a live key must never be sent"),
        ("Digest x", "Invalid API Key provided"),
    ],
)
def test_only_the_accounts_test_key_is_taken(stripe_lab: Lab, key: str, words: str) -> None:
    answer = stripe_lab.web.get("/v1/customers", headers={"authorization": key})
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], words in error["message"]) == (401, "invalid_request_error", True)


def test_a_key_may_come_as_a_user_name(stripe_lab: Lab) -> None:
    assert stripe_lab.web.get("/v1/customers", headers={}, auth=(STRIPE_KEY, "")).status_code == 200


@pytest.mark.parametrize("wrong", [{"stripe_secret_key": "sk_live_12345678"}, {"stripe_webhook_secret": "secret"}])
@pytest.mark.unit
def test_a_sandbox_is_not_started_with_a_live_key_or_no_secret(wrong: dict[str, str], tmp_path: Any) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SandboxSettings.model_validate({"database": tmp_path / "x", "api_key": KEY, "webhook_secret": SECRET, **wrong})


def test_the_version_is_repeated_and_each_answer_has_a_name(stripe_lab: Lab) -> None:
    answer = stripe_lab.web.get("/v1/customers", headers={**AUTH, "stripe-version": "2025-03-31.basil"})
    assert (answer.headers["stripe-version"], answer.headers["request-id"][:4]) == ("2025-03-31.basil", "req_")
    assert stripe_lab.web.get("/v1/customers", headers=AUTH).headers["stripe-version"] == stripe.api_version
    wrong = stripe_lab.web.get("/v1/customers", headers={**AUTH, "stripe-version": "soon"})
    assert "Invalid Stripe API version" in wrong.json()["error"]["message"]
    nothing = stripe_lab.web.get("/v1/nothing", headers=AUTH)
    assert (nothing.status_code, nothing.json()["error"]["type"]) == (404, "invalid_request_error")


def test_the_same_key_and_parameters_get_the_same_answer_and_others_are_refused(stripe_lab: Lab) -> None:
    options = {"idempotency_key": "once"}
    first = stripe_lab.v1.customers.create({"name": "Ada"}, options)
    again = stripe_lab.v1.customers.create({"name": "Ada"}, options)
    assert (again.id, again.last_response.headers["idempotent-replayed"]) == (first.id, "true")
    with pytest.raises(stripe.IdempotencyError) as refused:
        stripe_lab.v1.customers.create({"name": "Bo"}, options)
    assert (refused.value.http_status, "same parameters" in str(refused.value)) == (400, True)
    with pytest.raises(stripe.IdempotencyError):
        stripe_lab.v1.payment_methods.create({"type": "card", "card": {"token": "tok_visa"}}, options)
    stripe_lab.clock.move(days=1, minutes=1)
    assert stripe_lab.v1.customers.create({"name": "Bo"}, options).id != first.id


def test_a_decline_is_remembered_under_its_key_and_a_mistake_is_not(stripe_lab: Lab) -> None:
    options = {"idempotency_key": "declined"}
    asked = {"amount": 700, "currency": "usd", "payment_method": "pm_card_chargeDeclined", "confirm": True}
    asked["payment_method_types"] = ["card"]
    ids = set()
    for _ in range(2):
        with pytest.raises(stripe.CardError) as refused:
            stripe_lab.v1.payment_intents.create(asked, options)
        ids.add(intent_of(refused.value).id)
    assert len(ids) == 1
    options = {"idempotency_key": "mistaken"}
    with pytest.raises(stripe.InvalidRequestError):
        stripe_lab.v1.payment_intents.create({**asked, "currency": "xxx"}, options)
    assert stripe_lab.v1.payment_intents.create({**asked, "payment_method": "pm_card_visa"}, options).status == "succeeded"


def test_a_call_that_is_under_way_is_not_begun_again(stripe_lab: Lab) -> None:
    statuses: list[int] = []

    def ask() -> None:
        answer = stripe_lab.web.post("/v1/customers", headers={**AUTH, "idempotency-key": "slow"})
        statuses.append(answer.status_code)
        if answer.status_code == 409:
            assert answer.headers["stripe-should-retry"] == "true"
            assert answer.json()["error"]["code"] == "idempotency_key_in_use"

    with stripe_lab.armed(api={"slow_ms": 300}):
        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(statuses) == [200, 409]


@pytest.mark.unit
def test_bodies_with_brackets_become_hashes_and_lists() -> None:
    sent = read(b"a=1&m[k]=v&m[l]=&l[0][x]=1&l[1][x]=2&e[]=p&e[]=q.r&h[i][j]=deep&n=")
    assert (sent.integer("a"), sent.metadata(), sent.text("n"), sent.given("n")) == (1, {}, None, True)
    assert [row.text("x") for row in sent.rows("l")] == ["1", "2"]
    assert (sent.texts("e"), sent.inner("h").inner("i").text("j")) == (["p", "q.r"], "deep")
    assert read(b"metadata[a]=1&metadata[b]=2").metadata({"b": "old", "c": "3"}) == {"a": "1", "b": "2", "c": "3"}
    assert read(b"metadata=").metadata({"a": "1"}) == {}
    assert read(b"metadata[a]=").metadata({"a": "1"}) == {}


@pytest.mark.unit
@pytest.mark.parametrize(
    "raw",
    [b"a[=1", b"a=1&a[b]=2", b"a[b]=1&a[b][c]=2", b"a%5B" * 9 + b"=1", b"\xff=1", b"&".join(b"a=1" for _ in range(1001))],
)
def test_bodies_that_mean_nothing_are_refused(raw: bytes) -> None:
    with pytest.raises(StripeRefused) as refused:
        read(raw)
    assert refused.value.status == 400


@pytest.mark.unit
@pytest.mark.parametrize(
    ("raw", "ask"),
    [
        (b"a=x", lambda sent: sent.integer("a")),
        (b"a=1e5", lambda sent: sent.integer("a")),
        (b"a=yes", lambda sent: sent.boolean("a")),
        (b"a[b]=1", lambda sent: sent.text("a")),
        (b"a=1", lambda sent: sent.inner("a")),
        (b"a=1", lambda sent: sent.rows("a")),
        (b"a[0]=1", lambda sent: sent.rows("a")),
        (b"a[0][b]=1", lambda sent: sent.texts("a")),
        (b"metadata[a][b]=1", lambda sent: sent.metadata()),
        (b"metadata[" + b"k" * 41 + b"]=1", lambda sent: sent.metadata()),
        (b"metadata[k]=" + b"v" * 501, lambda sent: sent.metadata()),
        (b"&".join(b"metadata[%d]=1" % n for n in range(51)), lambda sent: sent.metadata()),
        (b"a=" + b"v" * 5001, lambda sent: sent.text("a")),
    ],
)
def test_values_of_another_type_are_refused(raw: bytes, ask: Any) -> None:  # noqa: ANN401 - a question to the parameters
    with pytest.raises(StripeRefused):
        ask(read(raw))


def test_what_is_expanded_is_whole_and_what_cannot_be_is_refused(stripe_lab: Lab) -> None:
    customer = stripe_lab.customer()
    intent = stripe_lab.intent(customer=customer.id)
    asked = {"customer": customer.id, "expand": ["data.customer", "data.latest_charge.balance_transaction"]}
    (found,) = stripe_lab.v1.payment_intents.list(asked).data
    assert (found.customer.email, found.latest_charge.balance_transaction.amount) == ("ada@example.com", 2000)
    for path in ("amount", "colour", "latest_charge.amount", "a.b.c.d.e"):
        with pytest.raises(stripe.InvalidRequestError):
            stripe_lab.v1.payment_intents.retrieve(intent.id, {"expand": [path]})


def test_customers_are_made_changed_found_and_deleted(stripe_lab: Lab) -> None:
    made = looked_at(
        stripe_lab.customer(
            name="Ada", metadata={"id": "1"}, address={"city": "İzmir", "country": "TR"}, preferred_locales=["tr"], phone="1"
        )
    )
    assert (made["address"]["city"], made["preferred_locales"]) == ("İzmir", ["tr"])
    changed = looked_at(stripe_lab.v1.customers.update(made["id"], {"name": "", "email": "bo@example.com", "metadata": ""}))
    assert (changed["name"], changed["metadata"], changed["address"]["city"]) == (None, {}, "İzmir")
    assert [one.id for one in stripe_lab.v1.customers.list({"email": "bo@example.com"})] == [made["id"]]
    method = stripe_lab.v1.payment_methods.attach("pm_card_visa", {"customer": made["id"]})
    default = {"invoice_settings": {"default_payment_method": method.id}}
    assert (
        looked_at(stripe_lab.v1.customers.update(made["id"], default))["invoice_settings"]["default_payment_method"] == method.id
    )
    assert stripe_lab.v1.customers.payment_methods.retrieve(made["id"], method.id).id == method.id
    looked_at(stripe_lab.v1.payment_methods.detach(method.id))
    assert stripe_lab.v1.customers.retrieve(made["id"]).invoice_settings.default_payment_method is None
    with pytest.raises(stripe.InvalidRequestError) as refused:
        stripe_lab.v1.payment_methods.detach(method.id)
    assert refused.value.code == "payment_method_unexpected_state"
    stripe_lab.v1.customers.delete(made["id"])
    assert looked_at(stripe_lab.v1.customers.retrieve(made["id"]))["deleted"]
    with pytest.raises(stripe.InvalidRequestError) as refused:
        stripe_lab.v1.customers.retrieve("cus_none")
    assert (refused.value.http_status, refused.value.code, refused.value.param) == (404, "resource_missing", "id")


def test_methods_are_made_of_numbers_tokens_and_names_but_never_of_real_cards(stripe_lab: Lab) -> None:
    create = stripe_lab.v1.payment_methods.create
    card = {"number": "5555555555554444", "exp_month": 12, "exp_year": 2039, "cvc": "123"}
    made = looked_at(create({"type": "card", "card": card, "billing_details": {"name": "Ada"}, "metadata": {"a": "1"}}))
    assert (made["card"]["brand"], made["card"]["exp_year"], made["billing_details"]["name"]) == ("mastercard", 2039, "Ada")
    assert looked_at(create({"type": "card", "card": {"token": "tok_amex"}}))["card"]["brand"] == "amex"
    customer = stripe_lab.v1.customers.create({"payment_method": "pm_card_visa"})
    assert len(stripe_lab.v1.payment_methods.list({"customer": customer.id, "type": "card"}).data) == 1
    updated = stripe_lab.v1.payment_methods.update(made["id"], {"card": {"exp_month": 6}, "metadata": {"b": "2"}})
    assert (looked_at(updated)["card"]["exp_month"], updated["metadata"]["b"]) == (6, "2")
    for change, code in (
        ({"number": "4539578763621486"}, "card_declined"),
        ({"number": "4242424242424241"}, "incorrect_number"),
        ({"exp_month": 13}, "invalid_expiry_month"),
        ({"exp_year": 2020}, "invalid_expiry_year"),
    ):
        with pytest.raises(stripe.CardError) as refused:
            create({"type": "card", "card": {**card, **change}})
        assert refused.value.code == code
    other = stripe_lab.customer()
    attached = stripe_lab.v1.payment_methods.attach(made["id"], {"customer": customer.id})
    with pytest.raises(stripe.InvalidRequestError, match="already been attached"):
        stripe_lab.v1.payment_methods.attach(attached.id, {"customer": other.id})


def test_cards_are_set_up_for_later_without_a_payment(stripe_lab: Lab) -> None:
    customer = stripe_lab.customer()
    create = stripe_lab.v1.setup_intents.create
    done = looked_at(create({"customer": customer.id, "payment_method": "pm_card_visa", "confirm": True}))
    assert done["status"] == "succeeded"
    assert stripe_lab.v1.payment_methods.retrieve(done["payment_method"]).customer == customer.id
    asked = create({"customer": customer.id, "payment_method": "pm_card_authenticationRequiredOnSetup"})
    waiting = looked_at(stripe_lab.v1.setup_intents.confirm(asked.id, {"return_url": f"{stripe_lab.told}/r"}))
    address = waiting["next_action"]["redirect_to_url"]["url"]
    back = stripe_lab.web.post(address, data={"answer": "approve"}).headers["location"]
    assert f"setup_intent={asked.id}" in back
    assert looked_at(stripe_lab.v1.setup_intents.retrieve(asked.id))["status"] == "succeeded"
    with pytest.raises(stripe.CardError):
        create({"customer": customer.id, "payment_method": "pm_card_chargeDeclined", "confirm": True})
    failed = looked_at(stripe_lab.v1.setup_intents.list({"customer": customer.id}).data[0])
    assert failed["last_setup_error"]["code"] == "card_declined"
    assert looked_at(stripe_lab.v1.setup_intents.cancel(failed["id"]))["status"] == "canceled"
    with pytest.raises(stripe.InvalidRequestError):
        stripe_lab.v1.setup_intents.cancel(done["id"])


def test_a_test_clock_stands_until_it_is_advanced_and_takes_its_customers_along(stripe_lab: Lab) -> None:
    clocks = stripe_lab.v1.test_helpers.test_clocks
    clock = looked_at(clocks.create({"frozen_time": 1_700_000_000, "name": "renewals"}))
    customer = looked_at(stripe_lab.customer(test_clock=clock["id"]))
    assert (customer["created"], customer["test_clock"]) == (1_700_000_000, clock["id"])
    held = stripe_lab.intent(customer=customer["id"], capture_method="manual")
    assert held.created == 1_700_000_000
    advancing = looked_at(clocks.advance(clock["id"], {"frozen_time": 1_700_000_000 + 8 * 86_400}))
    assert advancing["status"] == "advancing"
    until(lambda: clocks.retrieve(clock["id"]).status == "ready")
    gone = stripe_lab.v1.payment_intents.retrieve(held.id)
    assert (gone.status, gone.canceled_at) == ("canceled", 1_700_000_000 + 7 * 86_400)
    assert stripe_lab.types(clock["id"]) == [
        "test_helpers.test_clock.created",
        "test_helpers.test_clock.advancing",
        "test_helpers.test_clock.ready",
    ]
    for wrong in (1_700_000_000, 1_900_000_000):
        with pytest.raises(stripe.InvalidRequestError):
            clocks.advance(clock["id"], {"frozen_time": wrong})
    assert [one.id for one in clocks.list()] == [clock["id"]]
    assert looked_at(clocks.delete(clock["id"]))["deleted"]
    assert looked_at(stripe_lab.v1.customers.retrieve(customer["id"]))["deleted"]


def test_the_same_seed_gives_the_same_ids_and_search_may_lag_behind(tmp_path: Any) -> None:  # noqa: ANN401
    ids = []
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        with lab(folder, stripe_seed="42", stripe_search_delay=60) as small:
            customer = small.customer()
            ids.append(customer.id)
            query = {"query": "email:'ada@example.com'"}
            assert not small.v1.customers.search(query).data
            clock: ShiftedClock = small.clock
            clock.move(minutes=2)
            assert [one.id for one in small.v1.customers.search(query).data] == [customer.id]
    assert ids[0] == ids[1]
