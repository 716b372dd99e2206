"""The credits of periods: lots of type `membership` in the customer's wallet of credits, for many periods at once.

What becomes of credits that are not spent when the period is over is the plan's rollover: `expire` with the period, `keep` as
long as credits live, or `cap`: kept, but never more than the cap is carried over. What would pass the cap is not granted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from vezne import identity, wallets
from vezne.kernel.db import Tx
from vezne.kernel.errors import Refusal
from vezne.kernel.ids import public_id
from vezne.kernel.money import Money
from vezne.ledger import Refused
from vezne.memberships.calendar import first_end_after, period_end
from vezne.memberships.models import Membership, Period, Plan
from vezne.memberships.proration import seconds


@dataclass(frozen=True, slots=True)
class Due:
    """A period that was paid, its membership before and after that, and the plans it was of and is of."""

    period: Period
    before: Membership
    after: Membership
    old_plan: Plan
    plan: Plan


@dataclass(frozen=True, slots=True)
class Granted:
    """What a period got: so many credits by this wallet transaction, or why it could not be given."""

    credits: int = 0
    grant_id: UUID | None = None
    refusal: Refusal | None = None


async def grant(tx: Tx, due: Sequence[Due]) -> dict[UUID, Granted]:
    """Give each period its credits, by one move for all; by period. Once for each period."""
    settings = await identity.settings_of(tx)
    amounts = {each.period.id: _amount(each, settings.zone) for each in due}
    wanted = [each for each in due if amounts[each.period.id]]
    granted = {each.period.id: Granted() for each in due}
    if not wanted:
        return granted
    keys = {each.period.id: wallets.WalletKey(each.after.customer_id, "credits", settings.credit_unit) for each in wanted}
    found = await wallets.wallets_of(tx, list(keys.values()))
    room = await _room(tx, wanted, [found[keys[each.period.id]].id for each in wanted])
    moves: list[wallets.Credit] = []
    moved: list[Due] = []
    for each in wanted:
        amount = min(amounts[each.period.id], room.get(each.period.id, amounts[each.period.id]))
        if amount:
            wallet = found[keys[each.period.id]]
            moves.append(_credit(each, wallet, amount, _expiry(each, settings.zone, tx.now)))
            moved.append(each)
    for each, credit, outcome in zip(moved, moves, await wallets.move(tx, moves), strict=True):
        if isinstance(outcome, Refused):
            granted[each.period.id] = Granted(refusal=outcome.error)
        else:
            granted[each.period.id] = Granted(credit.amount.minor, outcome.transaction.id)
    return granted


def origin_of(membership_id: UUID) -> str:
    """What the lots of a membership name as their origin."""
    return public_id("mbs", membership_id)


def _amount(due: Due, zone: ZoneInfo) -> int:
    """How many credits the period stands for.

    A change in the middle of a period gives what the new plan has more, for the part of the period that is left; what a pause
    has left of a period was given before.
    """
    period, plan = due.period, due.plan
    if period.is_trial:
        return plan.trial_credits if period.reason == "first" else 0
    if period.reason == "resume" and not period.cycle:
        return 0
    if period.reason == "change" and due.after.anchor_at == due.before.anchor_at:
        more = max(0, plan.credits_per_period - due.old_plan.credits_per_period)
        return more * seconds(period.starts_at, period.ends_at) // whole_of(due.after, plan, zone)
    return plan.credits_per_period


def whole_of(membership: Membership, plan: Plan, zone: ZoneInfo) -> int:
    """How many seconds the running interval of the membership has, pauses and changes apart."""
    last = max(1, membership.cycle)
    begins = period_end(membership.anchor_at, last - 1, plan.interval, plan.interval_count, zone)
    return seconds(begins, period_end(membership.anchor_at, last, plan.interval, plan.interval_count, zone))


async def _room(tx: Tx, due: Sequence[Due], wallet_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How much may be granted at most where a cap holds, by period."""
    capped = [(each, wallet_id) for each, wallet_id in zip(due, wallet_ids, strict=True) if each.plan.credit_rollover == "cap"]
    if not capped:
        return {}
    unspent = await wallets.unspent(tx, [wallet_id for _, wallet_id in capped], "membership")
    return {
        each.period.id: max(
            0,
            each.plan.credits_per_period + (each.plan.rollover_cap or 0) - unspent.get((wallet_id, origin_of(each.after.id)), 0),
        )
        for each, wallet_id in capped
    }


def _expiry(due: Due, zone: ZoneInfo, now: datetime) -> datetime | None:
    """When the lot lapses, if the plan says so: with its period; of a period that is over already, with the one that runs."""
    if due.plan.credit_rollover != "expire":
        return None
    if due.period.ends_at > now:
        return due.period.ends_at
    plan, after = due.plan, due.after
    return first_end_after(after.anchor_at, after.cycle, plan.interval, plan.interval_count, zone, now)[1]


def _credit(due: Due, wallet: wallets.Wallet, amount: int, expires_at: datetime | None) -> wallets.Credit:
    shown = public_id("mpd", due.period.id)
    return wallets.Credit(
        wallet_id=wallet.id,
        amount=Money(amount, wallet.currency),
        lot=wallets.LotSpec("membership", origin_of(due.after.id), expires_at),
        reference=wallets.Reference("membership_period", shown),
        once=True,
        description=due.plan.name,
        cause=f"membership_period:{shown}",
        beyond_limit=True,
    )
