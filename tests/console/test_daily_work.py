"""What staff do all day: orders by hand, refunds, transfers confirmed, payouts by two people, tickets at the door."""

from pathlib import PurePosixPath

import pytest

from console_fixtures import GUESTS, Office, forms_of, lira, order_of, stated, text_of
from orders_fixtures import seats
from vezne import identity
from vezne.kernel.ids import parse_id


async def test_an_order_is_placed_by_hand_and_paid_at_its_link(office: Office) -> None:
    event = await office.event(2_500)
    clerk = await office.clerk("support")
    page = await clerk.do("/orders/new", "/orders", resource=stated("rsc", event.id), quantity="2", name=GUESTS[0])
    assert "Make a payment link" in page
    assert lira(5_000) in page
    shown = "/orders/ord_" + page.split("/orders/ord_")[1].split("/")[0]
    first = (await clerk.fill(shown, f"{shown}/links")).text
    second = (await clerk.fill(shown, f"{shown}/links")).text
    links = [text.split('readonly value="')[1].split('"')[0] for text in (first, second)]
    assert links[0] != links[1]
    assert (await office.http.get(links[0])).status_code == 404
    checkout = await office.http.get(links[1])
    assert lira(5_000) in text_of(checkout.text)


async def test_an_order_that_cannot_be_had_is_refused_on_its_own_page(office: Office) -> None:
    event = await office.event(2_500, capacity=1)
    clerk = await office.clerk("support")
    for quantity, why in (("2", "no longer free"), ("0", "whole number"), ("x", "whole number"), ("99999999999", "whole number")):
        answer = await clerk.send("/orders", {"resource": stated("rsc", event.id), "quantity": quantity, "name": "Eve"})
        assert answer.status_code == 303
        page = text_of((await clerk.http.get(answer.headers["location"])).text)
        assert why in page, quantity
    nameless = await clerk.send("/orders", {"resource": stated("rsc", event.id), "quantity": "1", "name": " "})
    assert "guest_not_named" in nameless.headers["location"]
    assert (await clerk.send("/orders", {"resource": "rsc_nothing", "quantity": "1", "name": "Eve"})).status_code == 404


async def test_a_form_sent_twice_happens_once(office: Office) -> None:
    event = await office.event(2_500)
    clerk = await office.clerk("support")
    fields = {"resource": stated("rsc", event.id), "quantity": "1", "name": "Eve", "once": "pressed-twice"}
    first, second = [await clerk.send("/orders", fields) for _ in range(2)]
    assert first.headers["location"] == second.headers["location"]
    assert (await office.resource(event)).held == 1
    other = await clerk.send("/orders", {**fields, "quantity": "2"})
    assert "problem=" in other.headers["location"]


async def test_an_unpaid_order_is_cancelled(office: Office) -> None:
    event = await office.event(2_500)
    placed = await office.order(await office.guest(), [seats(event)])
    clerk = await office.clerk("support")
    page = await clerk.do(order_of(placed), f"{order_of(placed)}/cancellation")
    assert "The order is cancelled" in page
    assert (await office.resource(event)).held == 0


async def test_a_refund_is_looked_at_before_it_is_done(office: Office) -> None:
    event = await office.event(2_500)
    placed = await office.sold(event, 3)
    clerk = await office.clerk("finance")
    this = f"{order_of(placed)}/refund"
    line = placed["order"]["lines"][0]["id"]
    looked = await clerk.fill(this, this, what="seats", reason="Rain", **{f"seats_{line}": "2"})
    page = text_of(looked.text)
    assert looked.status_code == 200
    assert lira(5_000) in page
    assert "Seats that come free" in page
    assert (await office.resource(event)).taken == 3
    hidden = next(fields for where, fields in forms_of(looked.text) if where.endswith("/refund"))
    done = await clerk.send(this, hidden)
    assert "done=refunded" in done.headers["location"]
    again = await clerk.send(this, hidden)
    assert again.headers["location"] == done.headers["location"]
    assert (await office.resource(event)).taken == 1
    assert "Rain" in await clerk.see(order_of(placed))
    assert (await office.seen(placed))["refunded_minor"] == 5_000


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"what": "amount", "amount": "1.000,50"}, "amount_unreadable"),
        ({"what": "amount", "amount": ""}, "amount_unreadable"),
        ({"what": "amount", "amount": "-5"}, "amount_unreadable"),
        ({"what": "amount", "amount": "25,01"}, "order_refund_too_large"),
        ({"what": "amount", "amount": "9" * 30}, "amount_unreadable"),
    ],
)
async def test_a_refund_that_makes_no_sense_is_refused_and_says_why(office: Office, fields: dict[str, str], why: str) -> None:
    placed = await office.sold(await office.event(2_500))
    clerk = await office.clerk("finance")
    answer = await clerk.fill(f"{order_of(placed)}/refund", f"{order_of(placed)}/refund", **fields)
    assert f"problem={why}" in answer.headers["location"]
    assert 'role="alert"' in (await clerk.http.get(answer.headers["location"])).text


async def test_a_transfer_is_confirmed_by_who_may(office: Office) -> None:
    event = await office.event(12_500)
    placed = await office.promised(event)
    page = f"/payments/{placed['payment']['id']}"
    assert "Has the money come?" not in await (await office.clerk("viewer")).see(page)
    clerk = await office.clerk("finance")
    differs = await clerk.fill(page, f"{page}/confirmation", came="yes", amount="100,00")
    assert "problem=received_amount_differs" in differs.headers["location"]
    seen = await clerk.do(page, f"{page}/confirmation", came="yes", amount="125,00", reference="EFT 7")
    assert "Confirmed. What was bought is given." in seen
    assert (await office.resource(event)).taken == 1


async def test_a_transfer_that_does_not_come_leaves_the_payment_open(office: Office) -> None:
    placed = await office.promised(await office.event(12_500))
    page = f"/payments/{placed['payment']['id']}"
    clerk = await office.clerk("finance")
    seen = await clerk.do(page, f"{page}/confirmation", came="no")
    assert "the money will not come" in seen
    assert "Has the money come?" not in seen


@pytest.mark.parametrize(("action", "to_wallet"), [("wallet", 10_000), ("accept", 0)])
async def test_money_that_no_order_could_take_is_decided_by_a_person(office: Office, action: str, to_wallet: int) -> None:
    placed = await office.promised(await office.event(12_500))
    page = f"/payments/{placed['payment']['id']}"
    clerk = await office.clerk("finance")
    await clerk.do(page, f"{page}/confirmation", came="yes", amount="100,00", other_amount="yes")
    assert "Money has come that no order could take" in await clerk.see("")
    listed = await clerk.see("/payments")
    assert "Another amount came" in listed
    assert "What becomes of it" not in await (await office.clerk("viewer")).see("/payments")
    decide = "/unmatched/umt_" + listed.split("/unmatched/umt_")[1].split('"')[0]
    assert (await clerk.send(decide, {"action": "burn"})).status_code == 422
    done = await clerk.do("/payments", decide, action=action)
    assert "Decided." in done
    assert decide not in done
    customer = parse_id("cus", placed["order"]["customer_id"])
    assert (await office.balance(await office.wallet(customer, 0)))[0] == to_wallet


async def test_a_payout_is_asked_for_by_one_and_approved_by_another(office: Office) -> None:
    host = await office.payee()
    await office.bank_of(host)
    await office.sold(await office.event(2_500, item={"payee_id": host}), 2)
    maker, checker = await office.clerk("finance"), await office.clerk("finance")
    page = await maker.do("/payouts", "/payouts", payee=stated("pye", host), note="Kasım")
    (payout,) = await office.payouts()
    shown = f"/payouts/{stated('pot', payout.id)}"
    assert "so somebody else decides" in page
    own = await maker.send(f"{shown}/approval", {})
    assert "problem=maker_is_checker" in own.headers["location"]
    own = await maker.send(f"{shown}/rejection", {"reason": "mine"})
    assert "problem=maker_is_checker" in own.headers["location"]
    assert "Approved." in await checker.do(shown, f"{shown}/approval")
    made = await checker.do("/payouts", "/payouts/files", payout=stated("pot", payout.id), format="pain001")
    assert "Download the bank" in made
    file = made.split("/payouts/files/")[1].split('"')[0]
    content = await checker.get(f"/payouts/files/{file}")
    assert content.headers["content-type"].startswith("application/xml")
    assert b"TR330006100519786457841326" in content.content
    assert "The bank was told" in await checker.see(shown)
    await checker.do(shown, f"{shown}/sending")
    done = await checker.do(shown, f"{shown}/arrival", reference="EFT 99")
    assert "the payee has the money" in done
    assert "EFT 99" in done
    late = await checker.send(f"{shown}/failure", {"reason": "late"})
    assert "problem=payout_move_illegal" in late.headers["location"]


async def test_a_partner_asks_for_its_payout_and_does_not_decide_it(office: Office) -> None:
    host = await office.payee()
    await office.sold(await office.event(2_500, item={"payee_id": host}), 2)
    partner = await office.clerk("partner", host)
    page = await partner.do("/payouts", "/payouts")
    assert lira(4_500) in page
    (payout,) = await office.payouts()
    shown = f"/payouts/{stated('pot', payout.id)}"
    assert "/approval" not in await partner.see(shown)
    assert (await partner.send(f"{shown}/approval", {})).status_code == 403
    checker = await office.clerk("finance")
    nameless = await checker.send(f"{shown}/rejection", {"reason": ""})
    assert "problem=reason_missing" in nameless.headers["location"]
    await checker.do(shown, f"{shown}/rejection", reason="Wrong account")
    assert "Wrong account" in await partner.see(shown)
    assert await office.owed(host) == 4_500


@pytest.mark.parametrize("asked", [{"amount": "0"}, {"amount": "abc"}, {"amount": "1,00"}])
async def test_a_payout_of_an_odd_amount_is_refused(office: Office, asked: dict[str, str]) -> None:
    host = await office.payee()
    await office.sold(await office.event(2_500, item={"payee_id": host}), 2)
    answer = await (await office.clerk("partner", host)).fill("/payouts", "/payouts", **asked)
    assert "problem=" in answer.headers["location"]
    assert await office.payouts() == []


async def test_a_statement_is_a_pdf(office: Office) -> None:
    host = await office.payee()
    await office.sold(await office.event(2_500, item={"payee_id": host}))
    partner = await office.clerk("partner", host)
    path = f"/statements/{stated('pye', host)}"
    answer = await partner.get(path, currency="TRY")
    assert (answer.status_code, answer.content[:5]) == (200, b"%PDF-")
    assert PurePosixPath(answer.headers["content-disposition"].split('"')[1]).suffix == ".pdf"
    for wrong in ({"from": "2026-13-01"}, {"from": "2026-03-02", "to": "2026-03-01"}, {"currency": "nonsense"}):
        assert (await partner.get(path, **wrong)).status_code in {404, 422}, wrong


async def test_a_ticket_is_checked_in_once_and_the_second_scan_says_when(office: Office) -> None:
    placed = await office.sold(await office.event(2_500), 2)
    first, second = await office.codes(placed)
    door = await office.clerk("door")
    welcome = await door.fill("/check-in", "/check-in", code=first)
    assert "Welcome" in welcome.text
    assert GUESTS[0] in text_of(welcome.text)
    assert "camera=(self)" in welcome.headers["permissions-policy"]
    again = await door.fill("/check-in", "/check-in", code=first)
    assert "Already inside" in again.text
    assert "first scanned at" in again.text
    hidden = next(fields for where, fields in forms_of(await door.see("/check-in")) if where.endswith("/check-in"))
    for _ in range(2):  # the browser's reload button sends the very same form again
        assert "Welcome" in (await door.send("/check-in", {**hidden, "code": second})).text


async def test_what_is_no_good_ticket_is_told_apart(office: Office) -> None:
    event, other = await office.event(2_500), await office.event(1_000)
    placed = await office.sold(event)
    (code,) = await office.codes(placed)
    clerk = await office.clerk("support")
    assert "Not a ticket" in (await clerk.fill("/check-in", "/check-in", code="nonsense")).text
    assert "No code" in (await clerk.fill("/check-in", "/check-in", code=" ")).text
    elsewhere = await clerk.fill("/check-in", "/check-in", code=code, resource=stated("rsc", other.id))
    assert "Wrong door" in elsewhere.text
    await office.refund(placed)
    assert "Void ticket" in (await clerk.fill("/check-in", "/check-in", code=code)).text


async def test_a_guest_without_a_code_is_found_and_let_in(office: Office) -> None:
    placed = await office.sold(await office.event(2_500))
    clerk = await office.clerk("support")
    claim = placed["order"]["lines"][0]["details"]["claim_id"]
    answer = await clerk.fill(f"/reservations/{claim}", "/check-in")
    assert "Welcome" in answer.text
    assert "Inside" in await clerk.see(f"/reservations/{claim}")


async def test_staff_are_invited_changed_and_signed_out(office: Office) -> None:
    clerk = await office.clerk("admin")
    invited = await clerk.fill("/staff", "/staff", name="Ada", email="ada@example.org", role="support")
    link = invited.text.split('readonly value="')[1].split('"')[0]
    assert f"{office.root}/invitations/" in link
    taken = await clerk.fill("/staff", "/staff", name="Ada", email="ADA@example.org", role="support")
    assert "problem=staff_email_taken" in taken.headers["location"]
    beyond = await clerk.send("/staff", {"name": "Eve", "email": "eve@example.org", "role": "owner"})
    assert beyond.headers.get("location", "").endswith("problem=role_beyond_own")
    async with office.db.transaction(office.principal) as tx:
        person = await identity.staff_by_email(tx, "ada@example.org")
    assert person is not None
    shown = f"/staff/{stated('stf', person.id)}"
    page = await clerk.do(shown, shown, role="viewer", active="yes")
    assert "Saved" in page
    assert (await clerk.fill(shown, f"{shown}/invitation")).text.count(f"{office.root}/invitations/") == 1
    await clerk.do(shown, shown, role="viewer")
    async with office.db.transaction(office.principal) as tx:
        assert (await identity.staff_member(tx, person.id)).active is False
    assert clerk.person is not None
    own = await clerk.send(f"/staff/{stated('stf', clerk.person.id)}", {"role": "viewer", "active": "yes"})
    assert "problem=own_standing" in own.headers["location"]
    assert parse_id("stf", stated("stf", person.id)) == person.id
