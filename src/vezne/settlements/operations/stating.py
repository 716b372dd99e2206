"""Statements: what happened on a payee's account in a period of the tenant's days, from the ledger's own lines."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from heapq import merge
from uuid import UUID

from vezne import identity, ledger
from vezne.kernel.db import Tx
from vezne.kernel.ids import parse_id
from vezne.settlements.models import PayeeAccounts, Statement, StatementLine
from vezne.settlements.operations.booking import day_begins
from vezne.settlements.queries import settlements as queries
from vezne.settlements.refusals import PeriodBackwards, PeriodTooLong, StatementTooLong

MOST_LINES = 10_000
MOST_LINES_ON_PAPER = 2_000
"""Typesetting takes more than a second from there on."""
MOST_DAYS = 3_660
_PAGE = 1_000


async def statement(tx: Tx, payee_id: UUID, currency: str, first: date, last: date, *, most: int = MOST_LINES) -> Statement:
    """The payee's account in one currency from the first to the last day, both included, in the tenant's zone.

    Opening balance plus the lines is the closing balance, and so is the next period's opening. Raises PayeeUnknown,
    PeriodBackwards, PeriodTooLong, StatementTooLong.
    """
    payee = await identity.payee(tx, payee_id)
    if last < first:
        raise PeriodBackwards(loc=("query", "to"))
    if (last - first).days >= MOST_DAYS:
        raise PeriodTooLong(days=MOST_DAYS, loc=("query", "to"))
    zone = (await identity.settings_of(tx)).zone
    since, end = day_begins(first, zone), day_begins(last + timedelta(days=1), zone)
    before, until = since - datetime.resolution, end - datetime.resolution
    found = await queries.select_accounts(tx, payee_id, currency)
    opening = reserve = 0
    lines: list[StatementLine] = []
    if found:
        opening = await ledger.balance_at(tx, ledger.AccountId(found[0].account), before)
        reserve = await ledger.balance_at(tx, ledger.AccountId(found[0].reserve_account), before)
        lines = await _lines(tx, found[0], (since, until), opening, most)
    return Statement(
        payee=payee,
        currency=currency,
        first=first,
        last=last,
        opening_minor=opening,
        closing_minor=lines[-1].balance_minor if lines else opening,
        reserve_opening_minor=reserve,
        reserve_closing_minor=reserve + sum(line.reserve_minor for line in lines),
        lines=tuple(lines),
        written_at=tx.now.astimezone(zone),
    )


async def _lines(
    tx: Tx, accounts: PayeeAccounts, period: tuple[datetime, datetime], opening: int, most: int
) -> list[StatementLine]:
    own = await _all(tx, accounts.account, period, most)
    kept = await _all(tx, accounts.reserve_account, period, most)  # read later, so that it knows all that the first knows
    reserve = {line.entry.id: line.line.amount for line in kept}
    mine = {line.entry.id for line in own}
    apart = await _without_own_part(tx, [line for line in kept if line.entry.id not in mine])
    lines: list[StatementLine] = []
    balance = opening
    for each in merge(own, apart, key=lambda line: line.entry.posted_at):
        entry, on_account = each.entry, each.entry.id in mine
        balance = each.line.balance_after if on_account else balance
        lines.append(
            StatementLine(
                at=entry.posted_at.astimezone(period[0].tzinfo),
                kind=entry.kind,
                entry_id=entry.id,
                description=entry.description,
                details=entry.details,
                amount_minor=each.line.amount if on_account else 0,
                reserve_minor=reserve.get(entry.id, 0),
                balance_minor=balance,
            )
        )
    return lines


async def _all(tx: Tx, account: int, period: tuple[datetime, datetime], most: int) -> list[ledger.StatementLine]:
    """All lines of an account in the period, oldest first."""
    lines: list[ledger.StatementLine] = []
    below: int | None = None
    while True:
        page = await ledger.statement(
            tx, ledger.AccountId(account), limit=_PAGE, before_sequence=below, since=period[0], until=period[1]
        )
        lines += page
        if len(lines) > most:
            raise StatementTooLong(limit=most)
        if len(page) < _PAGE:
            return lines[::-1]
        below = page[-1].line.sequence


async def _without_own_part(tx: Tx, lines: Sequence[ledger.StatementLine]) -> list[ledger.StatementLine]:
    """Those that moved the reserve alone; the others were posted after the account's own lines were read."""
    settled = {parse_id("stl", str(line.entry.details["settlement_id"])) for line in lines}
    moves = await queries.select_moves(tx, sorted(settled)) if settled else []
    alone = {move.entry_id for move in moves if not move.payee_minor}
    return [line for line in lines if line.entry.id in alone]
