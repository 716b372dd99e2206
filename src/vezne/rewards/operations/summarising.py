"""Summaries: what became of a tenant's coins on each of its days, added up from the ledger and checked against its balances.

A day is summarised once it has been over for SETTLING: by then everything that began in it has committed. Periods follow each
other without gap or overlap, whatever becomes of the tenant's time zone; days that were missed come one by one, oldest first.
"""

from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from vezne import identity, wallets
from vezne.kernel.db import Tx
from vezne.rewards.models.summaries import Standing, Summary, Sums
from vezne.rewards.queries import summaries as queries

SETTLING = timedelta(minutes=5)
_KNOWN = "rewards.summaries"


async def on_wallet_opened(tx: Tx, event: wallets.WalletOpened) -> None:
    """Begin the tenant's summaries with its first wallet of coins."""
    if event.kind == "coins" and _KNOWN not in tx.remembered:
        await queries.insert_standing(tx)
        tx.remembered[_KNOWN] = True


async def summarise_next(tx: Tx) -> list[Summary] | None:
    """Summarise the oldest day that is over and was not yet, a currency each; None when there is none. Days come once."""
    standing = await queries.lock_standing(tx)
    if standing is None:
        return None
    settings = await identity.settings_of(tx)
    day = standing.next_on or standing.begins_at.astimezone(settings.zone).date()
    ends_at = max(standing.begins_at, _midnight_after(day, settings.zone))
    if tx.now < ends_at + SETTLING:
        await queries.update_standing(tx, Standing(day, standing.begins_at), ends_at + SETTLING)
        return None
    made = await _summaries(tx, day, standing.begins_at, ends_at, settings.coin_unit)
    for each in made:
        await queries.insert_summary(tx, each)
    following = day + timedelta(days=1)
    due_at = max(ends_at, _midnight_after(following, settings.zone)) + SETTLING
    await queries.update_standing(tx, Standing(following, ends_at), due_at)
    return made


async def summaries_page(
    tx: Tx,
    *,
    first: date | None = None,
    last: date | None = None,
    currency: str | None = None,
    before: tuple[date, str] | None = None,
    limit: int = 20,
) -> list[Summary]:
    """Summaries, the newest day first."""
    return await queries.select_page(tx, first=first, last=last, currency=currency, before=before, limit=limit)


async def _summaries(tx: Tx, day: date, begins_at: datetime, ends_at: datetime, unit: str) -> list[Summary]:
    sums = await queries.select_sums(tx, begins_at, ends_at)
    openings = await queries.select_closings(tx, day - timedelta(days=1))
    closings = await queries.select_balances(tx, ends_at)
    before = await queries.select_balances(tx, begins_at)
    made = []
    for currency in sorted({unit, *sums, *openings, *closings}):
        told = sums.get(currency, Sums())
        opening = openings.get(currency, before.get(currency, 0))
        closing = closings.get(currency, 0)
        made.append(
            Summary(
                **asdict(told),
                day=day,
                currency=currency,
                begins_at=begins_at,
                ends_at=ends_at,
                opening_minor=opening,
                balance_minor=closing,
                difference_minor=opening + told.net_minor - closing,
                created_at=tx.now,
            )
        )
    return made


def _midnight_after(day: date, zone: ZoneInfo) -> datetime:
    """When the day after this one begins, in UTC."""
    return datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)
