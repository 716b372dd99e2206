"""PayU as the sandbox plays it: it checks what it is sent, signs what it sends, and does a refund as often as it is asked."""

import json
from urllib.parse import parse_qsl

import pytest

from sandbox.merchant import Gateway, HeldClock, Open, until
from sandbox.payu_customer import DELAYED, MASTERCARD, PAYU_SALT, POOR, PayuCustomer, form_in
from vezne.sandbox.cards import is_card_number
from vezne.sandbox.payu import hashes
from vezne.sandbox.payu.cards import CARDS, ERRORS, masked
from vezne.sandbox.payu.models import paise_of, rupees
from vezne.sandbox.payu.texts import TEXTS

CARD = {"number": "5123 4567 8901 2346", "expiry": "12/39", "cvc": "123"}
REAL_LOOKING = "4539578763621486"


@pytest.fixture
async def payu(gateway: Gateway) -> PayuCustomer:
    return PayuCustomer(gateway)


async def test_a_rightly_signed_form_leads_to_a_page_that_shows_what_is_paid(payu: PayuCustomer) -> None:
    _, address = await payu.page(amount="1234.5", productinfo="Concert <b>& more</b>")
    page = await payu.gateway.client.get(address)
    assert "₹1,234.50" in page.text
    assert "Concert &lt;b&gt;&amp; more&lt;/b&gt;" in page.text
    assert "TEST · PayU" in page.text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hash": "0" * 128}, "incorrectly calculated hash"),
        ({"hash": "é"}, "incorrectly calculated hash"),
        ({"key": "OTHER"}, "No merchant has this key"),
        ({"key": "rzp_live_x"}, "a live key must never be sent"),
        ({"amount": "0"}, "not a valid number"),
        ({"amount": "0.00"}, "not a valid number"),
        ({"amount": "1e5"}, "not a valid number"),
        ({"amount": "-1"}, "not a valid number"),
        ({"amount": "10.001"}, "not a valid number"),
        ({"amount": "١٠"}, "not a valid number"),
        ({"txnid": ""}, "missing: txnid"),
        ({"email": ""}, "missing: email"),
        ({"hash": ""}, "missing: hash"),
        ({"txnid": "x" * 26}, "too long"),
        ({"surl": "https://shop.example/back"}, "surl: must be on loopback"),
        ({"furl": "javascript:alert(1)"}, "furl: must be an http or https URL"),
    ],
)
async def test_a_form_with_anything_wrong_is_refused_in_payus_manner(
    payu: PayuCustomer, changes: dict[str, str], words: str
) -> None:
    answer = await payu.enter(payu.form(**changes))
    assert answer.status_code in {400, 403}
    assert "Sorry, some problem occurred" in answer.text
    assert words in answer.text


async def test_an_amount_changed_after_it_was_signed_is_refused(payu: PayuCustomer) -> None:
    form = payu.form()
    for name in ("amount", "txnid", "productinfo", "firstname", "email", "udf1"):
        answer = await payu.enter({**form, name: "1" if name == "amount" else f"{form[name]} "})
        assert "incorrectly calculated hash" in answer.text


async def test_the_same_form_again_is_the_same_page_until_it_is_used(payu: PayuCustomer) -> None:
    form = payu.form()
    first, again = await payu.enter(form), await payu.enter(form)
    assert first.headers["location"] == again.headers["location"]
    other = {**form, "amount": "1"}
    other["hash"] = hashes.of_request(other, PAYU_SALT)
    assert (await payu.enter(other)).status_code == 409
    await payu.act(form["txnid"])
    used = await payu.enter(form)
    assert (used.status_code, "used before" in used.text) == (409, True)


async def test_a_card_is_paid_with_and_the_browser_takes_a_signed_form_back(payu: PayuCustomer) -> None:
    txnid, address = await payu.page()
    sent = await payu.gateway.client.post(address, data=CARD)
    assert (sent.status_code, sent.headers["location"]) == (303, address)
    page = await payu.gateway.client.get(address)
    action, fields = form_in(page.text)
    assert action == f"{payu.gateway.merchant.url}/webhook"
    assert (fields["status"], fields["unmappedstatus"], fields["txnid"]) == ("success", "captured", txnid)
    assert (fields["amount"], fields["udf1"], fields["cardnum"]) == ("100.00", "7", "512345XXXXXX2346")
    assert fields["hash"] == hashes.of_answer(fields, PAYU_SALT)
    nonce = page.headers["content-security-policy"].partition("'nonce-")[2].partition("'")[0]
    assert f'<script nonce="{nonce}">' in page.text
    assert MASTERCARD not in json.dumps(fields)


async def test_sent_twice_a_payment_is_made_once(payu: PayuCustomer) -> None:
    txnid, address = await payu.page()
    for number in (CARD["number"], POOR, CARD["number"]):
        assert (await payu.gateway.client.post(address, data={**CARD, "number": number})).status_code == 303
    assert (await payu.verified(txnid))["unmappedstatus"] == "captured"
    assert len((await payu.gateway.get(f"/events?payment={txnid}"))["data"]) == 1


@pytest.mark.parametrize("card", [card for card in CARDS.values() if card.failure_code], ids=lambda card: card.failure_code)
async def test_a_declined_card_leads_to_the_failure_address_and_says_why(payu: PayuCustomer, card: object) -> None:
    number = getattr(card, "number", "")
    code = getattr(card, "failure_code", "")
    txnid, address = await payu.page()
    await payu.gateway.client.post(address, data={**CARD, "number": number})
    action, fields = form_in((await payu.gateway.client.get(address)).text)
    assert action.endswith("?failed")
    assert (fields["status"], fields["unmappedstatus"], fields["error"]) == ("failure", "failed", ERRORS[code][0])
    assert (await payu.verified(txnid))["error_Message"] == ERRORS[code][1]


async def test_mistakes_in_the_card_are_told_together_and_a_real_looking_number_is_not_kept(payu: PayuCustomer) -> None:
    _, address = await payu.page()
    page = await payu.gateway.client.post(address, data={"number": REAL_LOOKING, "expiry": "1", "cvc": "x"})
    assert page.status_code == 422
    assert page.text.count('class="error"') == 3
    assert REAL_LOOKING not in page.text


async def test_cancelling_leads_to_the_failure_address(payu: PayuCustomer) -> None:
    txnid, address = await payu.page()
    assert (await payu.gateway.client.post(f"{address}/cancel")).status_code == 303
    action, fields = form_in((await payu.gateway.client.get(address)).text)
    assert (action.endswith("?failed"), fields["unmappedstatus"]) == (True, "userCancelled")
    assert (await payu.act(txnid)).status_code == 409


async def test_a_closed_tab_posts_nothing_back(payu: PayuCustomer) -> None:
    txnid, address = await payu.page()
    sent = await payu.gateway.client.post(address, data={**CARD, "stay": "1"})
    page = await payu.gateway.client.get(sent.headers["location"])
    assert "This tab counts as closed" in page.text
    assert "<form" not in page.text
    assert (await payu.verified(txnid))["status"] == "success"


async def test_a_page_of_nobody_is_not_found(payu: PayuCustomer) -> None:
    answer = await payu.gateway.client.get("/payu/pay/nobody")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")


@pytest.mark.parametrize("header", ["tr", "tr-TR,tr;q=0.9,en;q=0.8"])
async def test_a_browser_that_prefers_turkish_is_answered_in_turkish(payu: PayuCustomer, header: str) -> None:
    _, address = await payu.page()
    assert "Kartla ödeme" in (await payu.gateway.client.get(address, headers={"accept-language": header})).text
    assert "Card payment" in (await payu.gateway.client.get(f"{address}?lang=en", headers={"accept-language": header})).text


async def test_delayed_money_is_pending_and_comes_later(open_gateway: Open) -> None:
    clock = HeldClock()
    payu = PayuCustomer(await open_gateway(clock))
    found = await payu.paid(DELAYED)
    assert (found["status"], found["unmappedstatus"]) == ("pending", "pending")
    clock.move(seconds=1)
    assert (await payu.verified(found["txnid"]))["unmappedstatus"] == "captured"


async def test_a_customer_who_leaves_without_a_word_is_bounced_when_the_time_is_over(open_gateway: Open) -> None:
    clock = HeldClock()
    payu = PayuCustomer(await open_gateway(clock))
    txnid, _ = await payu.page()
    assert (await payu.verified(txnid))["unmappedstatus"] == "initiated"
    clock.move(minutes=31)
    found = await payu.verified(txnid)
    assert (found["status"], found["unmappedstatus"]) == ("failure", "bounced")


async def test_an_account_that_only_authorises_captures_later(payu: PayuCustomer) -> None:
    txnid, _ = await payu.page()
    await payu.act(txnid, act="hold")
    assert (await payu.verified(txnid))["unmappedstatus"] == "auth"
    await payu.act(txnid, act="finish")
    assert (await payu.verified(txnid))["unmappedstatus"] == "captured"


# ------------------------------------------------------------------------------------------------------------- the command API


async def test_several_txnids_are_looked_up_at_once_and_unknown_ones_are_not_found(payu: PayuCustomer) -> None:
    one, two = await payu.paid(), await payu.paid(POOR)
    said = await payu.ask("verify_payment", f"{one['txnid']}|{two['txnid']}|nobody")
    assert (said["status"], said["msg"]) == (1, "2 out of 3 Transactions Fetched Successfully")
    assert said["transaction_details"]["nobody"]["status"] == "Not Found"
    assert (await payu.ask("verify_payment", "nobody"))["status"] == 0


async def test_a_transaction_is_found_by_payus_own_number(payu: PayuCustomer) -> None:
    paid = await payu.paid()
    said = await payu.ask("check_payment", paid["mihpayid"])
    assert said["transaction_details"]["txnid"] == paid["txnid"]
    assert (await payu.ask("check_payment", "1"))["status"] == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hash": "0" * 128}, "Invalid Hash."),
        ({"key": "OTHER"}, "Invalid Hash."),
        ({"var1": "other"}, "Invalid Hash."),
        ({"var1": ""}, "Parameter missing"),
        ({"command": "get_salt"}, "Invalid Hash."),
    ],
)
async def test_a_question_with_anything_wrong_is_answered_so(payu: PayuCustomer, changes: dict[str, str], words: str) -> None:
    said = await payu.ask("verify_payment", "order1", changes=changes)
    assert said == {"status": 0, "msg": words}


async def test_a_command_there_is_not_is_told(payu: PayuCustomer) -> None:
    assert (await payu.ask("get_salt", "x"))["msg"] == "Invalid Command"


async def test_refunds_are_queued_made_and_listed_with_the_capture(payu: PayuCustomer) -> None:
    paid = await payu.paid()
    said = await payu.ask("cancel_refund_transaction", paid["mihpayid"], "token1", "25.00")
    assert (said["status"], said["error_code"]) == (1, 102)
    one = (await payu.ask("check_action_status", said["request_id"]))["transaction_details"][said["request_id"]]
    assert one[said["request_id"]]["status"] == "success"
    actions = (await payu.ask("check_action_status", paid["mihpayid"], "payuid"))["transaction_details"][paid["mihpayid"]]
    assert [(action["action"], action["amt"], action["token"]) for action in actions.values()] == [
        ("capture", "100.00", ""),
        ("refund", "25.00", "token1"),
    ]


async def test_the_same_refund_again_is_another_refund(payu: PayuCustomer) -> None:
    paid = await payu.paid()
    made = [await payu.ask("cancel_refund_transaction", paid["mihpayid"], "same", "40.00") for _ in range(3)]
    assert [said["status"] for said in made] == [1, 1, 0]
    assert len({said["request_id"] for said in made[:2]}) == 2
    refunds = (await payu.gateway.client.get(f"/payu/play/{paid['txnid']}/refunds")).json()["data"]
    assert [refund["paise"] for refund in refunds] == [4_000, 4_000]


@pytest.mark.parametrize(
    ("token", "amount", "words"),
    [
        ("", "1.00", "token is empty"),
        ("x" * 24, "1.00", "token is empty or too long"),
        ("t", "", "Amount is empty"),
        ("t", "-1", "Amount is empty or invalid"),
        ("t", "100.01", "exceeds the transaction amount"),
    ],
)
async def test_a_refund_with_anything_wrong_is_refused(payu: PayuCustomer, token: str, amount: str, words: str) -> None:
    said = await payu.ask("cancel_refund_transaction", (await payu.paid())["mihpayid"], token, amount)
    assert said["status"] == 0
    assert words in said["msg"]


async def test_what_was_not_captured_is_not_refunded(open_gateway: Open) -> None:
    payu = PayuCustomer(await open_gateway(HeldClock()))
    for card in (POOR, DELAYED):
        paid = await payu.paid(card)
        said = await payu.ask("cancel_refund_transaction", paid["mihpayid"], "t", "1.00")
        assert "not captured" in said["msg"]
    assert (await payu.ask("cancel_refund_transaction", "1", "t", "1.00"))["error_code"] == 105


async def test_a_question_without_an_action_has_none(payu: PayuCustomer) -> None:
    said = await payu.ask("check_action_status", "13127842")
    assert said["transaction_details"] == {"13127842": "No action status found"}


# ------------------------------------------------------------------------------------------------------------------ webhooks


async def test_the_merchant_is_told_by_a_signed_form_and_of_refunds_by_json_that_nobody_signs(payu: PayuCustomer) -> None:
    await payu.tell_merchant()
    received = payu.gateway.merchant.received
    paid = await payu.paid()
    await until(lambda: len(received) == 1)
    assert received[0].headers["content-type"] == "application/x-www-form-urlencoded"
    fields = dict(parse_qsl(received[0].body.decode(), keep_blank_values=True))
    assert fields.pop("hash") == hashes.of_answer(fields, PAYU_SALT)
    assert (fields["mihpayid"], fields["status"]) == (paid["mihpayid"], "success")
    await payu.ask("cancel_refund_transaction", paid["mihpayid"], "t1", "10.00")
    await payu.verified(paid["txnid"])  # time passes
    await until(lambda: len(received) == 2)
    told = json.loads(received[1].body)
    assert (told["action"], told["token"], told["amt"], told["status"]) == ("refund", "t1", "10.00", "success")
    assert "hash" not in told


async def test_a_failure_is_told_and_what_is_pending_is_not(open_gateway: Open) -> None:
    payu = PayuCustomer(await open_gateway(HeldClock()))
    await payu.tell_merchant()
    pending = await payu.paid(DELAYED)
    assert (await payu.gateway.get(f"/events?payment={pending['txnid']}"))["data"] == []
    await payu.paid(POOR)
    await until(lambda: len(payu.gateway.merchant.received) >= 1)
    assert dict(parse_qsl(payu.gateway.merchant.received[0].body.decode()))["status"] == "failure"


async def test_nobody_is_told_until_an_address_is_set(payu: PayuCustomer) -> None:
    paid = await payu.paid()
    (event,) = (await payu.gateway.get(f"/events?payment={paid['txnid']}"))["data"]
    assert (event["provider"], event["type"], event["deliveries"]) == ("payu", "payment.success", [])


async def test_a_forged_webhook_claims_success_under_a_wrong_hash(payu: PayuCustomer) -> None:
    await payu.gateway.arm(webhooks={"forge": True, "duplicate": 1})
    await payu.tell_merchant()
    await payu.paid(POOR)
    received = payu.gateway.merchant.received
    await until(lambda: len(received) == 3)
    bodies = [dict(parse_qsl(each.body.decode(), keep_blank_values=True)) for each in received]
    rights = [fields.pop("hash") == hashes.of_answer(fields, PAYU_SALT) for fields in bodies]
    assert sorted(zip(rights, (fields["status"] for fields in bodies), strict=True)) == [
        (False, "success"),
        (True, "failure"),
        (True, "failure"),
    ]
    assert (await payu.gateway.fired())["webhooks.forge"] == 1


async def test_a_webhook_address_that_is_not_of_this_machine_is_refused(payu: PayuCustomer) -> None:
    answer = await payu.gateway.client.put("/payu/play/dashboard", json={"webhook_url": "https://shop.example/hook"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "webhook_url")


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/payu/play/order1"), ("PUT", "/payu/play/dashboard"), ("GET", "/payu/play/order1/refunds")]
)
async def test_the_machine_api_asks_for_the_sandboxs_key(payu: PayuCustomer, method: str, path: str) -> None:
    answer = await payu.gateway.client.request(method, path, headers={"authorization": "Bearer other"})
    assert answer.status_code == 401


async def test_the_machine_api_takes_no_other_cards_and_knows_no_other_transactions(payu: PayuCustomer) -> None:
    txnid, _ = await payu.page()
    assert (await payu.act(txnid, card=REAL_LOOKING)).json()["error"]["code"] == "unknown_card"
    assert (await payu.act("nobody")).status_code == 404
    assert (await payu.act(txnid, act="steal")).status_code == 400


async def test_what_was_answered_survives_a_new_start(open_gateway: Open) -> None:
    payu = PayuCustomer(await open_gateway())
    await payu.tell_merchant()
    paid = await payu.paid()
    again = PayuCustomer(await open_gateway(), made=100)
    assert (await again.verified(paid["txnid"]))["mihpayid"] == paid["mihpayid"]
    await until(lambda: len(payu.gateway.merchant.received) >= 1)
    await again.paid()
    await until(lambda: len(payu.gateway.merchant.received) >= 2)


@pytest.mark.parametrize(("text", "paise"), [("10", 1_000), ("10.5", 1_050), ("0.01", 1), ("9" * 13 + ".99", 10**15 - 1)])
def test_amounts_are_read_exactly(text: str, paise: int) -> None:
    assert paise_of(text) == paise
    assert paise_of(rupees(paise)) == paise


def test_cards_are_well_formed_and_every_failure_has_its_words() -> None:
    assert all(is_card_number(card.number) for card in CARDS.values())
    assert masked(MASTERCARD) == "512345XXXXXX2346"
    codes = {card.failure_code for card in CARDS.values() if card.failure_code}
    assert codes <= ERRORS.keys()
    assert all(ERRORS.keys() <= texts.keys() for texts in TEXTS.values())
    assert TEXTS["en"].keys() == TEXTS["tr"].keys()
