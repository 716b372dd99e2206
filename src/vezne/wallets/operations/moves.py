"""Moves: credits, debits and transfers, many at once, each answered for itself.

Plain money is decided by the ledger alone, in one statement for the whole batch. Where a move takes from lots, or a daily
limit applies, the batch is decided by the Guard first.
"""

from collections.abc import Sequence

from vezne import ledger
from vezne.kernel.db import Tx
from vezne.kernel.errors import Refusal
from vezne.kernel.events import Event
from vezne.kernel.ids import public_id
from vezne.ledger import AccountRestricted, BalanceTooLarge, BelowFloor, Posted, Refused
from vezne.wallets import events
from vezne.wallets.models import Credit, Debit, LotSpec, Move, Moved, Transfer, Wallet, WalletTransaction
from vezne.wallets.operations.drafts import Draft, DraftingTable
from vezne.wallets.operations.guarding import Guard
from vezne.wallets.operations.history import transaction_of
from vezne.wallets.operations.limits import Rules, rules_of, short_of
from vezne.wallets.operations.lots import LotBook
from vezne.wallets.queries import wallets as queries
from vezne.wallets.refusals import WalletClosed, WalletFrozen, WalletFull


async def move(tx: Tx, moves: Sequence[Move]) -> list[Moved | Refused]:
    """Do `moves` in their order; one that cannot be done is Refused and harms no other.

    Several moves on one wallet are decided in sequence. A move that may happen only `once` and was done before answers with
    the first transaction and `again`; with another amount it is Refused with ReferenceReused. Raises ReferenceBusy when another
    transaction does one of them at this moment.
    """
    rules = await rules_of(tx)
    table = await DraftingTable.lay(tx, rules, moves)
    answers = [table.draft(each) for each in moves]
    drafts = [answer for answer in answers if isinstance(answer, Draft)]
    guarded = any(draft.guarded for draft in drafts)
    posted = iter(await (_post_guarded(tx, rules, drafts) if guarded else _post(tx, rules, drafts)))
    outcomes: list[Moved | Refused] = []
    for answer in answers:
        if isinstance(answer, Refused):
            outcomes.append(answer)
            continue
        outcome = await _outcome(tx, answer, next(posted))
        outcomes.append(outcome)
        if isinstance(outcome, Moved) and not outcome.again:
            await _publish(tx, rules, answer, outcome)
    return outcomes


async def credit(tx: Tx, credit: Credit) -> WalletTransaction:
    """Put value into one wallet; see `move`. Raises what would have been its refusal."""
    return (await _one(tx, credit)).transaction


async def debit(tx: Tx, debit: Debit) -> WalletTransaction:
    """Take value out of one wallet; see `move`. Raises what would have been its refusal."""
    return (await _one(tx, debit)).transaction


async def transfer(tx: Tx, transfer: Transfer) -> Moved:
    """Take value from one wallet to another; see `move`. Raises what would have been its refusal."""
    return await _one(tx, transfer)


async def explain(tx: Tx, wallet: Wallet, error: Refusal, amount: int) -> Refusal:
    """The ledger's refusal of `amount` minor units in the wallet's words."""
    shown = public_id("wal", wallet.id)
    if isinstance(error, BelowFloor):
        available = error.facts["available_minor"]
        return short_of(wallet, available if isinstance(available, int) else 0, amount)
    if isinstance(error, BalanceTooLarge):
        return WalletFull(wallet_id=shown)
    if isinstance(error, AccountRestricted):
        status = (await queries.select_wallets(tx, [wallet.id]))[wallet.id].status
        return WalletClosed(wallet_id=shown) if status == "closed" else WalletFrozen(wallet_id=shown)
    return error


async def publish_low(
    tx: Tx, rules: Rules, wallet: Wallet, transaction: WalletTransaction, request_id: str | None = None
) -> None:
    """Tell that the wallet is low, if this debit brought it below its threshold."""
    threshold, after = rules.threshold(wallet), transaction.balance_after_minor
    if threshold is not None and after < threshold <= after + transaction.amount.minor:
        fact = events.WalletLow(wallet_id=wallet.id, balance_minor=after, threshold_minor=threshold, currency=wallet.currency)
        await tx.publish(fact, request_id=request_id)


async def _one(tx: Tx, each: Move) -> Moved:
    (outcome,) = await move(tx, [each])
    if isinstance(outcome, Refused):
        raise outcome.error
    return outcome


async def _post(tx: Tx, rules: Rules, drafts: Sequence[Draft]) -> list[Posted | Refused]:
    """Let the ledger decide; credits to kinds that keep lots become lots."""
    answers = await ledger.post(tx, [draft.entry for draft in drafts])
    book = LotBook(tx.now)
    for draft, answer in zip(drafts, answers, strict=True):
        granted = isinstance(draft.move, Credit) and isinstance(answer, Posted) and not answer.again
        if granted and draft.target is not None and draft.target.kind.lots is not None:
            spec = draft.move.lot if isinstance(draft.move, Credit) else None
            default = rules.expiry(draft.target, tx.now)
            book.grant(draft.entry.id, draft.target, draft.move.amount.minor, spec or LotSpec(), default)
    await book.write(tx)
    return answers


async def _post_guarded(tx: Tx, rules: Rules, drafts: Sequence[Draft]) -> list[Posted | Refused]:
    guard = await Guard.read(tx, rules, drafts)
    refusals = [guard.decide(draft) for draft in drafts]
    allowed = [draft for draft, refusal in zip(drafts, refusals, strict=True) if refusal is None]
    posted = iter(await ledger.post(tx, [draft.entry for draft in allowed]))
    answers: list[Posted | Refused] = []
    for draft, refusal in zip(drafts, refusals, strict=True):
        answer = next(posted) if refusal is None else Refused(refusal)
        if refusal is None and isinstance(answer, Refused) and draft.entry.id not in guard.repeats:
            message = f"the ledger refused what was found possible under its locks: {answer.error.detail}"
            raise RuntimeError(message)
        answers.append(answer)
    await guard.write(tx)
    return answers


async def _outcome(tx: Tx, draft: Draft, answer: Posted | Refused) -> Moved | Refused:
    if isinstance(answer, Refused):
        return Refused(await _explained(tx, draft, answer.error))
    if answer.again:
        return await _first_time(tx, draft, answer)
    amount = draft.move.amount.minor
    debited = None if draft.source is None else _transaction(draft, answer, draft.source, -amount)
    credited = None if draft.target is None else _transaction(draft, answer, draft.target, amount)
    if debited is None and credited is not None:
        return Moved(credited)
    if debited is None:
        message = "a move takes from a wallet, or gives to one"
        raise RuntimeError(message)
    return Moved(debited, credited)


async def _explained(tx: Tx, draft: Draft, error: Refusal) -> Refusal:
    """The refusal about whichever wallet of the draft it concerns."""
    account = error.facts.get("account")
    for wallet in (draft.source, draft.target):
        if wallet is not None and wallet.account == account:
            return await explain(tx, wallet, error, draft.move.amount.minor)
    return error


async def _first_time(tx: Tx, draft: Draft, posted: Posted) -> Moved:
    record = posted.first or await ledger.entry(tx, posted.entry_id)
    wallets = [wallet for wallet in (draft.source, draft.target) if wallet is not None]
    sides = [transaction_of(record, posted.line(wallet.account), wallet) for wallet in wallets]
    return Moved(sides[0], sides[1] if len(sides) > 1 else None, again=True)


def _transaction(draft: Draft, posted: Posted, wallet: Wallet, amount: int) -> WalletTransaction:
    move = draft.move
    other = draft.target if wallet is draft.source else draft.source
    return WalletTransaction(
        posted.entry_id,
        wallet.id,
        "credit" if amount > 0 else "debit",
        draft.entry.kind,
        move.amount,
        posted.line(wallet.account).balance_after,
        move.description,
        posted.posted_at,
        move.reference,
        move.metadata,
        None if other is None else other.id,
    )


async def _publish(tx: Tx, rules: Rules, draft: Draft, moved: Moved) -> None:
    """Tell what was done, in the name of the request that asked for it."""
    done, request_id = moved.transaction, draft.move.request_id
    minor, currency, after = done.amount.minor, done.amount.currency, done.balance_after_minor
    if moved.arrived is not None:
        fact: Event = events.WalletTransferred(
            wallet_id=done.wallet_id,
            to_wallet=public_id("wal", moved.arrived.wallet_id),
            transaction_id=done.id,
            amount_minor=minor,
            currency=currency,
            balance_after_minor=after,
        )
    else:
        fact_of = events.WalletDebited if done.type == "debit" else events.WalletCredited
        fact = fact_of(
            wallet_id=done.wallet_id, transaction_id=done.id, amount_minor=minor, currency=currency, balance_after_minor=after
        )
    await tx.publish(fact, request_id=request_id)
    if draft.source is not None:
        await publish_low(tx, rules, draft.source, done, request_id)
