"""Paying payees: asked for by one person, approved by another, sent to the bank, paid or failed.

The money leaves the payee's account when the payout is asked for, so nothing can be asked for twice; rejected or failed, it
comes back. A payout is locked before the ledger's accounts; payouts of one payee and currency are asked for in turn.
"""

from dataclasses import replace
from typing import TypedDict
from uuid import UUID

from vezne import identity, ledger
from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id, public_id
from vezne.settlements import events
from vezne.settlements.models import PAYOUT_MOVES, Due, Payout, PayoutStatus, fitting
from vezne.settlements.operations import booking
from vezne.settlements.queries import payouts as queries
from vezne.settlements.queries import settlements as settlement_queries
from vezne.settlements.refusals import (
    MakerIsChecker,
    PayoutAmountDoesNotFit,
    PayoutBelowMinimum,
    PayoutInFile,
    PayoutMissing,
    PayoutMoveIllegal,
    PayoutNothingDue,
    PayoutNotInFile,
)


async def request_payout(tx: Tx, payee_id: UUID, currency: str, amount_minor: int | None = None, *, note: str = "") -> Payout:
    """Ask that the payee is paid all that is due in the currency, or exactly `amount_minor` of it.

    A payout pays whole settlements, each net of its claw-backs, the oldest first, and always takes along what is to be
    deducted. An amount is taken only when whole settlements come to it. Each call is another payout, and no settlement is in
    two: the second finds nothing due. Raises PayeeUnknown, PayoutNothingDue, PayoutAmountDoesNotFit, PayoutBelowMinimum.
    """
    await identity.payee(tx, payee_id)
    number = await queries.count_payout(tx, payee_id, currency)
    due = await settlement_queries.select_due(tx, payee_id, currency)
    available = sum(each.amount_minor for each in due)
    if number is None or available <= 0:
        raise PayoutNothingDue(payee_id=public_id("pye", payee_id), currency=currency, available_minor=available)
    taken = _fit(due, amount_minor, currency)
    amount = sum(each.amount_minor for each in taken)
    minimum = (await identity.settings_of(tx)).payout_minimum_minor
    if amount < minimum:
        raise PayoutBelowMinimum(minimum_minor=minimum, currency=currency, payee_id=public_id("pye", payee_id), due_minor=amount)
    payout = _requested(tx, payee_id, currency, number, amount, note)
    await queries.insert_payout(tx, payout)
    moves = [move_id for each in taken for move_id in each.move_ids]
    if await queries.take_along(tx, payout.id, moves) != len(moves):
        raise RuntimeError(f"payout {payout.id} found what it pays taken, though payouts of a payee take turns")
    await _post(tx, payout, payout.entry_id, "requested")
    await tx.publish(events.PayoutRequested(**_facts(payout)))
    return payout


async def approve(tx: Tx, payout_id: UUID) -> Payout:
    """Agree that it be paid. Again: nothing changes. Raises PayoutMissing, MakerIsChecker, PayoutMoveIllegal."""
    payout = await _locked(tx, payout_id)
    _demand_checker(tx, payout)
    if not _moves(payout, PayoutStatus.APPROVED):
        return payout
    approved = replace(payout, status=PayoutStatus.APPROVED, decided_by=tx.principal.actor, decided_at=tx.now)
    await queries.update_payout(tx, approved)
    await tx.publish(events.PayoutApproved(**_facts(approved)))
    return approved


async def reject(tx: Tx, payout_id: UUID, reason: str) -> Payout:
    """Do not agree, or no longer: the money is the payee's again. Again: nothing changes.

    Raises PayoutMissing, MakerIsChecker, PayoutMoveIllegal, PayoutInFile.
    """
    payout = await _locked(tx, payout_id)
    _demand_checker(tx, payout)
    if not _moves(payout, PayoutStatus.REJECTED):
        return payout
    if payout.file_id is not None:
        raise PayoutInFile(payout_id=public_id("pot", payout_id))
    decided = replace(payout, decided_by=payout.decided_by or tx.principal.actor, decided_at=payout.decided_at or tx.now)
    rejected = await _end(tx, decided, PayoutStatus.REJECTED, reason=reason)
    await tx.publish(events.PayoutRejected(**_facts(rejected), reason=reason))
    return rejected


async def dispatch(tx: Tx, payout_id: UUID, file_id: UUID | None = None) -> Payout:
    """The bank was told, with the file where one is named. Again: nothing changes.

    Raises PayoutMissing, PayoutNotInFile, PayoutMoveIllegal.
    """
    payout = await _locked(tx, payout_id)
    if file_id is not None and file_id != payout.file_id:
        raise PayoutNotInFile(payout_id=public_id("pot", payout_id), file_id=public_id("fil", file_id), loc=("body", "file_id"))
    if not _moves(payout, PayoutStatus.SENT):
        return payout
    sent = replace(payout, status=PayoutStatus.SENT, sent_by=tx.principal.actor, sent_at=tx.now)
    await queries.update_payout(tx, sent)
    await tx.publish(events.PayoutSent(**_facts(sent)))
    return sent


async def confirm(tx: Tx, payout_id: UUID, bank_reference: str | None = None) -> Payout:
    """The payee has the money. Again: nothing changes. Raises PayoutMissing, PayoutMoveIllegal."""
    payout = await _locked(tx, payout_id)
    if not _moves(payout, PayoutStatus.PAID):
        return payout
    paid = await _end(tx, replace(payout, bank_reference=bank_reference), PayoutStatus.PAID)
    await tx.publish(events.PayoutPaid(**_facts(paid)))
    return paid


async def fail(tx: Tx, payout_id: UUID, reason: str) -> Payout:
    """The bank did not transfer it: the money is the payee's again. Again: nothing changes.

    Raises PayoutMissing, PayoutMoveIllegal.
    """
    payout = await _locked(tx, payout_id)
    if not _moves(payout, PayoutStatus.FAILED):
        return payout
    failed = await _end(tx, payout, PayoutStatus.FAILED, reason=reason)
    await tx.publish(events.PayoutFailed(**_facts(failed), reason=reason))
    return failed


def demand_seen(tx: Tx, payout: Payout | None, payout_id: UUID) -> Payout:
    """The payout, for whoever may see its payee. Raises PayoutMissing."""
    if payout is None or tx.principal.payee_id not in {None, payout.payee_id}:
        raise PayoutMissing(payout_id=public_id("pot", payout_id))
    return payout


def _fit(due: list[Due], asked: int | None, currency: str) -> list[Due]:
    taken, above = fitting(due, asked)
    below = sum(each.amount_minor for each in taken)
    if asked is not None and below != asked:
        nearest = " or ".join(str(amount) for amount in (below, above) if amount is not None and amount > 0)
        raise PayoutAmountDoesNotFit(nearest=nearest, currency=currency, asked_minor=asked, loc=("body", "amount_minor"))
    return taken


def _requested(tx: Tx, payee_id: UUID, currency: str, number: int, amount: int, note: str) -> Payout:
    return Payout(
        id=new_id(),
        payee_id=payee_id,
        currency=currency,
        number=number,
        amount_minor=amount,
        status=PayoutStatus.REQUESTED,
        note=note,
        requested_by=tx.principal.actor,
        requested_at=tx.now,
        decided_by=None,
        decided_at=None,
        sent_by=None,
        sent_at=None,
        ended_by=None,
        ended_at=None,
        reason=None,
        bank_reference=None,
        file_id=None,
        entry_id=new_id(),
        end_entry_id=None,
    )


async def _locked(tx: Tx, payout_id: UUID) -> Payout:
    return demand_seen(tx, (await queries.lock_payouts(tx, [payout_id])).get(payout_id), payout_id)


def _demand_checker(tx: Tx, payout: Payout) -> None:
    if payout.requested_by == tx.principal.actor:
        raise MakerIsChecker(payout_id=public_id("pot", payout.id))


def _moves(payout: Payout, to: PayoutStatus) -> bool:
    """Whether there is anything to do. Raises PayoutMoveIllegal."""
    if payout.status is to:
        return False
    if to not in PAYOUT_MOVES[payout.status]:
        raise PayoutMoveIllegal(payout_id=public_id("pot", payout.id), status=payout.status, asked=to)
    return True


async def _end(tx: Tx, payout: Payout, to: PayoutStatus, *, reason: str | None = None) -> Payout:
    ended = replace(
        payout, status=to, ended_by=tx.principal.actor, ended_at=tx.now, end_entry_id=(entry_id := new_id()), reason=reason
    )
    await queries.update_payout(tx, ended)
    if to is not PayoutStatus.PAID:
        await queries.let_go(tx, payout.id)
    await _post(tx, ended, entry_id, to.value)
    return ended


async def _post(tx: Tx, payout: Payout, entry_id: UUID, what: str) -> None:
    """Book what happened to a payout: payee → `payouts` when asked for, → `bank` when paid, back to the payee otherwise."""
    under_way = await ledger.house_account(tx, booking.PAYOUTS, payout.currency)
    if what == PayoutStatus.PAID:
        from_account, to_account = under_way, await ledger.house_account(tx, booking.BANK, payout.currency)
    else:
        own = ledger.AccountId((await booking.accounts_of(tx, payout.payee_id, payout.currency)).account)
        from_account, to_account = (own, under_way) if what == PayoutStatus.REQUESTED else (under_way, own)
    entry = ledger.Entry(
        id=entry_id,
        kind=f"payout.{what}",
        postings=(ledger.Posting(from_account, -payout.amount_minor), ledger.Posting(to_account, payout.amount_minor)),
        reference=f"payout:{payout.id}:{what}",
        description=payout.note,
        details={"payout_id": public_id("pot", payout.id), "number": payout.number},
    )
    await booking.post(tx, [entry])


class _Facts(TypedDict):
    payout_id: UUID
    payee_id: UUID
    amount_minor: int
    currency: str


def _facts(payout: Payout) -> _Facts:
    """What every event of a payout tells."""
    return _Facts(payout_id=payout.id, payee_id=payout.payee_id, amount_minor=payout.amount_minor, currency=payout.currency)
