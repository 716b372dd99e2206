"""Receipts: one e-mail with a PDF when an order is fulfilled, the PDF again over HTTP, and a letter for every refund."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from markupsafe import escape

from orders_fixtures import BoxOffice, by_coins, by_wallet, seats
from promos_fixtures import Booth
from vezne import catalog, identity, memberships, payments
from vezne.kernel.ids import new_id, parse_id, public_id
from vezne.kernel.jobs import JobCall
from vezne.kernel.mail import Letter, outbox
from vezne.kernel.money import Money
from vezne.orders import jobs, receipts
from vezne.orders.operations.receipts import receipt

Json = dict[str, Any]
LIFE = timedelta(days=90)
SENDER = "Kampüs A.Ş.\nBağdat Cad. 1, İstanbul\nVergi no. 123 456 7890"


async def buyer(office: BoxOffice, **details: Any) -> UUID:  # noqa: ANN401
    """A customer with an e-mail address."""
    known = {"name": "Ayşe Öztürk", "email": "ayse@example.com", **details}
    async with office.db.transaction(office.principal) as tx:
        return (await identity.create_customer(tx, **known)).id


async def done(office: BoxOffice) -> int:
    """Do the letters' jobs that wait; how many there were."""
    calls: Sequence[JobCall] = await office._take(("orders.send_receipt", "orders.send_refund_letter"), timedelta())
    for call in calls:
        await {"orders.send_receipt": jobs.send_receipt, "orders.send_refund_letter": jobs.send_refund_letter}[call.name](
            office.db, call
        )
    return len(calls)


async def letters(office: BoxOffice) -> list[Letter]:
    """Everything posted, oldest first."""
    async with office.db.transaction(office.principal, read_only=True) as tx:
        return [await outbox.letter_of(tx, each.id) for each in reversed(await outbox.mails(tx, limit=100))]


async def bought(office: BoxOffice, customer: UUID, *, minor: int = 5_000, quantity: int = 2) -> Json:
    """Two seats, paid from the wallet: fulfilled at once."""
    paying = await office.wallet(customer, minor)
    event = await office.event(minor // quantity)
    return await office.order(customer, [seats(event, quantity)], tenders=[by_wallet(paying)])


async def document(office: BoxOffice, placed: Json, language: str = "en") -> Json:
    async with office.db.transaction(office.principal, read_only=True) as tx:
        return receipts.document(await receipt(tx, parse_id("ord", placed["order"]["id"])), language)


async def test_cm2_a_fulfilled_order_posts_its_receipt_once(office: BoxOffice) -> None:
    async with office.db.transaction(office.principal) as tx:
        await identity.change_tenant(tx, settings={"receipt_sender": SENDER})
    customer = await buyer(office, locale="tr")
    placed = await bought(office, customer)
    number = placed["order"]["id"]
    assert placed["order"]["status"] == "fulfilled"
    assert await done(office) == 1
    call = JobCall("orders.send_receipt", office.tenant.tenant_id, {"order_id": number, "customer_id": "x"})
    await jobs.send_receipt(office.db, call)
    (letter,) = await letters(office)
    assert (letter.to, letter.to_name, letter.language) == ("ayse@example.com", "Ayşe Öztürk", "tr")
    assert (letter.purpose, letter.about, letter.dedupe) == ("receipt", number, f"receipt:{number}")
    assert letter.subject.startswith("Kampüs makbuzu: ")
    for body in (letter.text, letter.html):
        for words in (
            "Concert",
            "50,00",
            number,
            "Vergi no. 123 456 7890",
            "Cüzdan",
            "Ayşe Öztürk",
            "gerçek para hareket etmedi",
        ):
            assert words in body, words
    (file,) = letter.attachments
    assert file.content.startswith(b"%PDF-")
    assert file.name == f"receipt-{number}.pdf"


async def test_a_receipt_is_posted_only_where_it_is_wanted_and_can_arrive(office: BoxOffice) -> None:
    async with office.db.transaction(office.principal) as tx:
        nobody = (await identity.create_customer(tx, name="No address")).id
    await bought(office, nobody)
    assert await done(office) == 1
    async with office.db.transaction(office.principal) as tx:
        await identity.change_tenant(tx, settings={"mail_receipts": False})
    placed = await bought(office, await buyer(office))
    await office.refund(placed)
    assert await done(office) == 2
    assert await letters(office) == []


async def test_what_stands_on_a_receipt(office: BoxOffice) -> None:
    customer = await buyer(office)
    money, coins = await office.wallet(customer, 1_000), await office.wallet(customer, 100, "coins", "COIN")
    event = await office.event(2_500, item={"accepts": ("money", "coins")})
    tenders = [by_wallet(money, 1_000), by_coins(coins, 20)]
    placed = await office.order(customer, [seats(event, 2)], tenders=tenders)
    await office.settle(placed)
    shown = await document(office, placed)
    assert (shown["number"], shown["total"], shown["sums"]) == (placed["order"]["id"], "TRY\u00a050.00", [])
    assert [(line["what"].split(",")[0], line["quantity"], line["amount"]) for line in shown["lines"]] == [
        ("Concert", "2", "TRY\u00a050.00")
    ]
    assert [(row["how"], row["amount"]) for row in shown["paid"]] == [
        ("Wallet", "TRY\u00a010.00"),
        ("Coins (20 COIN)", "TRY\u00a010.00"),
        ("Online payment", "TRY\u00a030.00"),
    ]
    (attempt,) = await office.attempts(parse_id("pay", placed["payment"]["id"]))
    assert shown["paid"][2]["reference"] == attempt.provider_ref
    assert shown["customer"] == ["Ayşe Öztürk", "ayse@example.com"]


async def test_cm2_a_receipt_of_credits_says_how_many_and_until_when(office: BoxOffice) -> None:
    async with office.db.transaction(office.principal) as tx:
        terms = catalog.NewPack(name="Starter", units=50, bonus_units=5, life_days=90, item={"prices": {"TRY": 4_500}})
        made = await catalog.create_pack(tx, terms)
    customer = await buyer(office)
    line = {"kind": "credit_pack", "item_id": public_id("itm", made.item.id)}
    placed = await office.order(customer, [line], tenders=[by_wallet(await office.wallet(customer, 4_500))])
    shown = await document(office, placed)
    (row,) = shown["lines"]
    async with office.db.transaction(office.principal, read_only=True) as tx:
        found = await receipt(tx, parse_id("ord", placed["order"]["id"]))
        day = found.order.paid_at.astimezone(found.tenant.settings.zone) + LIFE  # type: ignore[union-attr]
    assert row["notes"] == [f"55 CREDIT, valid until {day:%B} {day.day}, {day.year}"]


async def test_times_are_the_tenants(office: BoxOffice) -> None:
    placed = await bought(office, await buyer(office))
    shown = {}
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        async with office.db.transaction(office.principal) as tx:
            await identity.change_tenant(tx, settings={"time_zone": zone})
        shown[zone] = (await document(office, placed))["facts"][1]
    assert len(set(shown.values())) == 2


async def test_a_receipt_is_a_pdf_over_http_and_the_same_file_each_time(office: BoxOffice) -> None:
    customer = await buyer(office)
    placed = await bought(office, customer)
    path = f"/v1/orders/{placed['order']['id']}/receipt"
    answer, again = [await office.http.get(path, headers=office.tenant.headers) for _ in range(2)]
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    assert answer.content == again.content
    assert answer.headers["content-disposition"] == f'attachment; filename="receipt-{placed["order"]["id"]}.pdf"'
    turkish = await office.http.get(path, params={"locale": "tr"}, headers=office.tenant.headers)
    assert turkish.content != answer.content
    await done(office)
    (letter,) = await letters(office)
    assert letter.attachments[0].content == answer.content


async def test_a_customers_token_gets_its_own_receipts_and_no_others(office: BoxOffice) -> None:
    customer, stranger = await buyer(office), await buyer(office)
    mine, hers = await bought(office, customer), await bought(office, stranger)
    async with office.db.transaction(office.principal) as tx:
        given = await identity.give_token(tx, customer, life=LIFE)
    headers = {"Authorization": f"Bearer {given.text}"}
    answers = {
        order: await office.http.get(f"/v1/orders/{order}/receipt", headers=headers)
        for order in (mine["order"]["id"], hers["order"]["id"], public_id("ord", new_id()))
    }
    assert [answer.status_code for answer in answers.values()] == [200, 404, 404]
    assert len({code(answer) for answer in list(answers.values())[1:]}) == 1


def code(answer: httpx2.Response) -> str:
    return str(answer.json()["code"])


async def test_there_is_no_receipt_before_the_money(office: BoxOffice) -> None:
    event = await office.event(2_500)
    placed = await office.order(await buyer(office), [seats(event)])
    answer = await office.http.get(f"/v1/orders/{placed['order']['id']}/receipt", headers=office.tenant.headers)
    assert (answer.status_code, code(answer)) == (409, "receipt_not_yet")


async def test_a_refund_is_told_by_the_means_it_goes_back_to(office: BoxOffice) -> None:
    customer = await buyer(office)
    money, event = await office.wallet(customer, 1_000), await office.event(2_500)
    placed = await office.order(customer, [seats(event, 2)], tenders=[by_wallet(money, 1_000)])
    await office.settle(placed)
    await done(office)
    assert (await office.refund(placed, {"amount_minor": 4_500})).status_code == 201
    assert await done(office) == 1
    await office.refund(placed)
    await done(office)
    _, first, second = await letters(office)
    assert (first.purpose, first.about) == ("refund", placed["order"]["id"])
    assert "45.00" in first.subject
    assert "Online payment: TRY\u00a040.00" in first.text
    assert "Wallet: TRY\u00a05.00" in first.text
    assert "some days" in first.text
    assert "Online payment" not in second.text
    assert "Wallet: TRY\u00a05.00" in second.text
    assert "some days" not in second.text
    shown = await document(office, placed)
    assert shown["refunded"] == "TRY\u00a050.00"


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", 'A & B "C" <d@e.example>', "{{ 7*7 }}", "</mj-text><mj-raw>x"])
async def test_what_people_typed_is_no_markup(office: BoxOffice, name: str) -> None:
    async with office.db.transaction(office.principal) as tx:
        await identity.change_tenant(tx, name=name, settings={"receipt_sender": name})
    placed = await bought(office, await buyer(office, name=name))
    await done(office)
    (letter,) = await letters(office)
    assert name in letter.text
    assert str(escape(name)) in letter.html
    for wrong in ("<script", "<mj-", "<d@e", "http://", "https://fonts"):
        assert wrong not in letter.html.replace("http://www.w3.org", "")
    assert placed["order"]["status"] == "fulfilled"


async def test_cm4_a_discount_stands_on_the_receipt(office: BoxOffice) -> None:
    booth = Booth(office.db, office.tenant)
    await booth.give("SAVE20", percentage=2_000)
    customer, event = await buyer(office), await office.event(2_500)
    tenders = [by_wallet(await office.wallet(customer, 5_000))]
    placed = await office.order(customer, [seats(event, 2)], promo_codes=["SAVE20"], tenders=tenders)
    shown = await document(office, placed)
    assert shown["lines"][0]["amount"] == "TRY\u00a050.00"
    assert shown["sums"] == [("Subtotal", "TRY\u00a050.00"), ("Discount", "−TRY\u00a010.00")]
    assert (shown["total"], shown["paid"][0]["amount"]) == ("TRY\u00a040.00", "TRY\u00a040.00")


async def test_cm3_a_receipt_of_a_membership_names_its_period_and_its_credits(office: BoxOffice) -> None:
    async with office.db.transaction(office.principal) as tx:
        new = memberships.NewPlan(name="Gold", interval="month", prices={"TRY": 3_000}, credits_per_period=40)
        plan = await memberships.create_plan(tx, new)
    customer = await buyer(office)
    line = {"kind": "membership", "plan_id": public_id("pln", plan.id)}
    placed = await office.order(customer, [line], tenders=[by_wallet(await office.wallet(customer, 3_000))])
    async with office.db.transaction(office.principal, read_only=True) as tx:
        held = await memberships.current(tx, customer)
        zone = (await identity.settings_of(tx)).zone
    first, last = (
        f"{at:%B} {at.day}, {at.year}" for at in (held.period_start.astimezone(zone), held.period_end.astimezone(zone))
    )
    (row,) = (await document(office, placed))["lines"]
    assert (row["what"], row["notes"][0]) == ("Gold", f"{first} to {last}")
    assert row["notes"][1].startswith("40 CREDIT, valid until ")
    await done(office)
    (letter,) = await letters(office)
    assert "40 CREDIT" in letter.text


async def test_a_stored_card_is_named_by_its_brand_and_last_digits(office: BoxOffice) -> None:
    customer = await buyer(office)
    async with office.db.transaction(office.principal) as tx:
        first, _ = await payments.create(
            tx, Money(100, "TRY"), "card", expires_after=timedelta(minutes=30), customer_id=customer, save_method=True
        )
    await office.sandbox.play(await office.start(first.id))
    await office.finalise(first.id)
    placed = await office.order(customer, [seats(await office.event(2_500))])
    payment_id = parse_id("pay", placed["payment"]["id"])
    async with office.db.transaction(office.principal) as tx:
        (card,) = await payments.methods_of(tx, customer)
        await payments.charge(tx, payment_id, card.id)
    await office.work("payments.charge")
    (row,) = (await document(office, placed))["paid"]
    assert row["how"] == f"Card {card.brand.capitalize()} •••• {card.last4}"
    assert row["reference"]


async def test_cm4_credits_on_top_stand_on_the_receipt(office: BoxOffice) -> None:
    await Booth(office.db, office.tenant).give("MORE", "bonus_credits", bonus_units=40)
    async with office.db.transaction(office.principal) as tx:
        made = await catalog.create_pack(tx, catalog.NewPack(name="Starter", units=50, item={"prices": {"TRY": 4_500}}))
    customer = await buyer(office)
    line = {"kind": "credit_pack", "item_id": public_id("itm", made.item.id)}
    tenders = [by_wallet(await office.wallet(customer, 4_500))]
    placed = await office.order(customer, [line], promo_codes=["MORE"], tenders=tenders)
    bought_, bonus = (await document(office, placed))["lines"]
    assert bought_["notes"] == ["50 CREDIT, without expiry"]
    assert bonus["what"].startswith("Bonus: 40 CREDIT")
    assert (bonus["quantity"], bonus["amount"]) == ("", "")
