"""A payee's statement is the ledger's own account of a period, in days of the tenant's zone."""

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest

from settlements_fixtures import Till, move_money, sale
from vezne import identity, settlements
from vezne.kernel import clock
from vezne.kernel.ids import new_id
from vezne.settlements import Statement
from vezne.settlements.typesetting import KINDS, csv_statement, document, figure, pdf

START = datetime(2031, 3, 30, 22, 30, tzinfo=UTC)
"""01:30 on the last day of March in Istanbul, 22:30 the day before in UTC."""


async def read(till: Till, payee_id: UUID, first: date, last: date, **facts: int) -> Statement:
    async with till.db.transaction(till.principal, read_only=True) as tx:
        return await settlements.statement(tx, payee_id, "TRY", first, last, **facts)


async def at(till: Till, when: datetime) -> None:
    async with till.db.transaction(till.principal) as tx:
        await clock.hold(tx, when)


async def eventful(till: Till) -> settlements.Settlement:
    """A payee to whom everything has happened that can."""
    await at(till, START)
    payee = await till.payee()
    first = await till.sell(payee, 10_000, 1_000, description="Öğle yemeği #1")
    await till.take_back(first.line_id, 400)  # wholly out of the reserve
    await at(till, START + timedelta(days=1))
    await till.sell(payee, 20_000, 2_000)
    async with till.db.transaction(till.principal) as tx:
        payout = await settlements.request_payout(tx, payee, "TRY")
    async with till.db.transaction(replace(till.principal, actor="staff:checker")) as tx:
        await settlements.reject(tx, payout.id, "no")
    await till.take_back(first.line_id, 5_000)
    await till.give_again(first.line_id, 5_000)
    await till.until(START + timedelta(days=9))
    return first


async def test_periods_follow_on_one_another_and_add_up(careful_till: Till) -> None:
    payee = (await eventful(careful_till)).payee_id
    days = [date(2031, 3, 30), date(2031, 3, 31), date(2031, 4, 1), date(2031, 4, 9), date(2031, 5, 1)]
    parts = [await read(careful_till, payee, day, after - timedelta(days=1)) for day, after in pairwise(days)]
    for before, after in pairwise(parts):
        assert (before.closing_minor, before.reserve_closing_minor) == (after.opening_minor, after.reserve_opening_minor)
    for part in parts:
        assert part.opening_minor + sum(line.amount_minor for line in part.lines) == part.closing_minor
        balance = part.opening_minor
        for line in part.lines:
            balance += line.amount_minor
            assert line.balance_minor == balance
    assert [len(part.lines) for part in parts] == [0, 2, 5, 2]
    owed = await careful_till.owed(payee)
    assert (parts[-1].closing_minor, parts[-1].reserve_closing_minor) == (owed.available, owed.reserved) == (26_640, 0)


async def test_a_day_begins_at_midnight_in_the_tenants_zone(careful_till: Till) -> None:
    payee = (await eventful(careful_till)).payee_id
    assert (await read(careful_till, payee, date(2031, 3, 30), date(2031, 3, 30))).lines == ()
    found = await read(careful_till, payee, date(2031, 3, 31), date(2031, 3, 31))
    assert [(line.kind, line.amount_minor, line.reserve_minor, line.balance_minor) for line in found.lines] == [
        ("settlement.made", 8_100, 900, 8_100),
        ("settlement.clawed_back", 0, -360, 8_100),
    ]


async def test_a_payee_without_any_sale_has_an_empty_statement(till: Till) -> None:
    payee = await till.payee()
    found = await read(till, payee, date(2031, 1, 1), date(2031, 1, 31))
    assert (found.opening_minor, found.closing_minor, found.lines) == (0, 0, ())
    assert pdf(found, "Kampüs", "en").startswith(b"%PDF")


async def test_bad_periods_unknown_payees_and_too_many_lines_are_refused(careful_till: Till) -> None:
    payee = (await eventful(careful_till)).payee_id
    with pytest.raises(settlements.PeriodBackwards):
        await read(careful_till, payee, date(2031, 2, 2), date(2031, 2, 1))
    with pytest.raises(settlements.PeriodTooLong):
        await read(careful_till, payee, date(2000, 1, 1), date(2031, 2, 1))
    with pytest.raises(identity.PayeeUnknown):
        await read(careful_till, new_id(), date(2031, 2, 1), date(2031, 2, 1))
    with pytest.raises(settlements.StatementTooLong):
        await read(careful_till, payee, date(2031, 3, 1), date(2031, 4, 30), most=6)


async def test_a_long_account_is_read_to_its_end(till: Till) -> None:
    await at(till, START)
    payee = await till.payee()
    async with till.db.transaction(till.principal) as tx:
        await settlements.settle_all(tx, [sale(payee, 1, 0) for _ in range(1_101)])
        await move_money(tx, 1_101, "TRY")
    found = await read(till, payee, date(2031, 3, 1), date(2031, 3, 31))
    assert [line.balance_minor for line in found.lines] == list(range(1, 1_102))


@pytest.mark.parametrize("language", ["en", "tr"])
async def test_the_pdf_says_it_in_the_readers_language_with_every_letter(careful_till: Till, language: str) -> None:
    payee = (await eventful(careful_till)).payee_id
    found = await read(careful_till, payee, date(2031, 3, 1), date(2031, 4, 30))
    shown = document(found, "Kampüs Ğ", language)
    text = json.dumps(shown, ensure_ascii=False)
    assert "Ayşe Öztürk Işık" in text
    assert "Öğle yemeği #1" in text
    assert ("Açılış bakiyesi" in text, "Opening balance" in text) == (language == "tr", language == "en")
    assert ("266,40" if language == "tr" else "266.40") in text
    made = pdf(found, "Kampüs Ğ", language)
    assert made.startswith(b"%PDF-")
    assert made == pdf(found, "Kampüs Ğ", language)
    assert b"Libertinus" in made


@pytest.mark.unit
def test_every_kind_of_entry_has_a_word_and_figures_are_exact() -> None:
    assert figure(-(2**53 - 1), "TRY", "tr") == "−90.071.992.547.409,91"
    assert (figure(7, "JPY", "en"), figure(1, "KWD", "en"), figure(-5, "TRY", "en")) == ("7", "0.001", "−0.05")
    assert len(set(KINDS)) == 7


async def test_the_csv_is_exact_and_harmless(careful_till: Till) -> None:
    await at(careful_till, START)
    payee = await careful_till.payee()
    await careful_till.sell(payee, 10_000, 1_000, description="=1+1")
    found = await read(careful_till, payee, date(2031, 3, 31), date(2031, 3, 31))
    (row,) = list(csv.DictReader(io.StringIO(csv_statement(found).decode(), newline="")))
    assert (row["description"], row["amount"], row["reserve"], row["balance"]) == ("'=1+1", "81.00", "9.00", "81.00")
    assert row["at"] == "2031-03-31T01:30:00+03:00"
