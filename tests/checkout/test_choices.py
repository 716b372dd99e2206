"""Who takes the money is the customer's choice where there are several; what wallets pay is shown; money too late is told."""

from typing import Any
from urllib.parse import urlsplit

from checkout_fixtures import Till
from vezne import bookings, catalog, identity, orders, promos, wallets
from vezne.kernel.ids import parse_id, public_id
from vezne.kernel.money import Money


async def seat(till: Till, capacity: int = 5) -> bookings.Resource:
    """An event whose seat costs 25.00."""
    async with till.db.transaction(till.principal) as tx:
        item = await catalog.create_item(tx, catalog.NewItem(name="Seat", prices={"TRY": 2_500}))
        return await bookings.create_resource(tx, kind="event", name="Konser", item_id=item.id, capacity=capacity)


async def ordered(till: Till, event: bookings.Resource, wallet_minor: int = 0) -> orders.Placed:
    customer = await till.customer()
    async with till.db.transaction(till.principal) as tx:
        tenders: list[orders.WalletTender] = []
        if wallet_minor:
            wallet = await wallets.wallet_of(tx, customer, "money", "TRY")
            await wallets.credit(tx, wallets.Credit(wallet_id=wallet.id, amount=Money(wallet_minor, "TRY")))
            tenders = [orders.WalletTender(amount_minor=wallet_minor)]
        return await orders.place(tx, customer, [orders.BookingDetails(resource_id=event.id)], tenders=tenders)


async def give(till: Till, code: str, kind: promos.PromotionKind, **terms: Any) -> None:  # noqa: ANN401 - a promotion's own terms
    async with till.db.transaction(till.principal) as tx:
        made = await promos.create_promotion(tx, promos.Terms(name=code, kind=kind, stackable=True, **terms))
        await promos.create_code(tx, made.id, code)


async def test_cm4_what_promo_codes_take_off_is_shown_by_code(till: Till) -> None:
    await give(till, "SAVE20", "percentage", percentage=2_000)
    await give(till, "BONUS", "bonus_credits", bonus_units=5)
    event, customer = await seat(till), await till.customer()
    async with till.db.transaction(till.principal) as tx:
        lines = [orders.BookingDetails(resource_id=event.id, quantity=2)]
        placed = await orders.place(tx, customer, lines, promo_codes=["bonus", "save20"])
    for language, *shown in (("en", "Promo code SAVE20", "-TRY 10.00"), ("tr", "SAVE20 indirim kodu", "-₺10,00")):
        page = await till.http.get(f"/checkout/{placed.client_secret}", headers={"Accept-Language": language})
        text = page.text.replace("\u00a0", " ")
        assert page.status_code == 200
        assert all(each in text for each in shown)
        assert "BONUS" not in text


async def test_one_provider_is_no_choice(till: Till) -> None:
    bill = await till.bill()
    assert 'type="radio"' not in (await till.page(bill)).text


async def test_the_customer_chooses_among_providers_and_may_change_their_mind(till: Till) -> None:
    async with till.db.transaction(till.principal) as tx:
        await identity.change_tenant(tx, settings={"other_providers": ["cash", "nowhere"]})
    bill = await till.bill()
    page = await till.page(bill, **{"Accept-Language": "tr"})
    assert page.text.count('type="radio"') == 2
    assert "Nasıl ödeyeceğinizi seçin" in page.text
    assert "Gişede nakit" in page.text
    first = await till.http.post(f"/checkout/{bill.token}/attempts", data={"provider": "cash"})
    assert first.status_code == 303
    second = await till.http.post(f"/checkout/{bill.token}/attempts", data={"provider": "simulated"})
    assert second.status_code == 303
    attempts = await till.attempts(bill.payment_id)
    assert [attempt.provider for attempt in attempts] == ["cash", "simulated"]
    assert attempts[1].parent_id == attempts[0].id
    await till.sandbox.play(urlsplit(second.headers["location"]).path.rpartition("/")[2])
    await till.page(bill, "/return")
    assert await till.balance(bill) == 10_000


async def test_a_provider_that_is_not_offered_leads_nowhere(till: Till) -> None:
    bill = await till.bill()
    for name in ("stripe", "cash", "x" * 100, "\udcff".encode("utf-8", "surrogateescape").decode("latin-1")):
        answer = await till.http.post(f"/checkout/{bill.token}/attempts", data={"provider": name})
        assert answer.headers["location"] == f"/checkout/{bill.token}"
    assert await till.attempts(bill.payment_id) == []


async def test_what_a_wallet_pays_is_shown_beside_what_is_left(till: Till) -> None:
    placed = await ordered(till, await seat(till), 1_000)
    page = (await till.http.get(f"/checkout/{placed.client_secret}", headers={"Accept-Language": "en"})).text
    assert "From your wallet" in page
    assert all(amount in page for amount in ("25.00", "10.00", "15.00"))


async def test_money_that_came_when_the_seat_was_gone_is_told_as_such(till: Till) -> None:
    event = await seat(till, 1)
    placed = await ordered(till, event)
    assert placed.payment is not None
    ref = await till.start(placed.payment.id)
    async with till.db.transaction(till.principal) as tx:
        await bookings.release(tx, parse_id("clm", placed.lines[0].details["claim_id"]))
        other = await identity.create_customer(tx, reference="other")
        await bookings.hold(
            tx,
            bookings.Ask(resource_id=event.id, customer_id=other.id, purpose="desk"),
            until=placed.payment.expires_at,
        )
    await till.sandbox.play(ref)
    page = (await till.http.get(f"/checkout/{placed.client_secret}/return", follow_redirects=True)).text
    assert "Your payment came too late" in page
    assert public_id("ord", placed.order.id) in page
