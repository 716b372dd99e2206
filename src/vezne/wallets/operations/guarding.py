"""Guarding: where lots or a day's limit decide, each move is decided here, in sequence, before the ledger posts it.

Days are locked first, then all accounts of the batch, so that what is seen here is what the ledger will see.
"""

from collections.abc import Sequence
from uuid import UUID

from vezne import ledger
from vezne.kernel.db import Tx
from vezne.kernel.errors import Refusal
from vezne.kernel.ids import public_id
from vezne.kernel.money import MAX_MINOR
from vezne.ledger import AccountId, AccountRestricted, AccountState
from vezne.wallets.models import Credit, LotSpec, Wallet
from vezne.wallets.operations.drafts import Draft
from vezne.wallets.operations.limits import Rules, above_ceiling, daily_refusal, short_of
from vezne.wallets.operations.lots import LotBook
from vezne.wallets.queries import wallets as queries
from vezne.wallets.refusals import WalletFull


class Guard:
    """The state of a batch's wallets, as its moves change it one after the other."""

    def __init__(self, rules: Rules, states: dict[AccountId, AccountState], book: LotBook) -> None:
        self.rules = rules
        self.states = states
        self.book = book
        self.days: dict[UUID, queries.WalletDay] = {}
        self.posted: set[str] = set()
        self.repeats: set[UUID] = set()

    @classmethod
    async def read(cls, tx: Tx, rules: Rules, drafts: Sequence[Draft]) -> "Guard":
        """Lock and read what `drafts` touch."""
        counted = {draft.source.id for draft in drafts if draft.source is not None and draft.limits and draft.limits.daily}
        days = await queries.lock_days(tx, list(counted), rules.today) if counted else {}
        states = await ledger.lock(tx, [posting.account for draft in drafts for posting in draft.entry.postings])
        wallets = {wallet.id: wallet for draft in drafts for wallet in (draft.source, draft.target) if wallet is not None}
        guard = cls(rules, states, await LotBook.read(tx, wallets.values()))
        guard.days |= days
        references = [draft.entry.reference for draft in drafts if draft.entry.reference is not None]
        guard.posted |= set(await ledger.entries_under(tx, references)) if references else set()
        return guard

    def decide(self, draft: Draft) -> Refusal | None:
        """Why the move may not be, or None; then what it does is done to the state. What was posted before is the ledger's."""
        reference = draft.entry.reference
        if reference in self.posted:
            self.repeats.add(draft.entry.id)
            return None
        refusal = self._refusal(draft)
        if refusal is None:
            self._apply(draft)
            if reference is not None:
                self.posted.add(reference)
        return refusal

    async def write(self, tx: Tx) -> None:
        """Write lots and days as they have become."""
        await self.book.write(tx)
        if self.days:
            await queries.update_days(tx, self.rules.today, list(self.days.values()))

    def _refusal(self, draft: Draft) -> Refusal | None:
        amount = draft.move.amount.minor
        refusal = None if draft.target is None else self._credit_refusal(draft, draft.target, amount)
        if refusal is not None or draft.source is None:
            return refusal
        return self._debit_refusal(draft, draft.source, amount)

    def _credit_refusal(self, draft: Draft, wallet: Wallet, amount: int) -> Refusal | None:
        state = self.states[wallet.account]
        if not state.accepts_credits:
            return AccountRestricted(account=state.account)
        if state.balance + amount > MAX_MINOR:
            return WalletFull(wallet_id=public_id("wal", wallet.id))
        after = state.balance - self.book.lapsed(wallet.id) + amount  # what has lapsed is in nobody's way
        return above_ceiling(wallet, draft.ceiling, amount, after)

    def _debit_refusal(self, draft: Draft, wallet: Wallet, amount: int) -> Refusal | None:
        state = self.states[wallet.account]
        if not state.accepts_debits:
            return AccountRestricted(account=state.account)
        available = state.available if wallet.kind.lots is None else self.book.spendable(wallet.id)
        if available < amount:
            return short_of(wallet, available, amount)
        day = self.days.get(wallet.id)
        return None if day is None or draft.limits is None else daily_refusal(wallet, draft.limits, day, amount)

    def _apply(self, draft: Draft) -> None:
        amount, entry_id = draft.move.amount.minor, draft.entry.id
        for posting in draft.entry.postings:
            self.states[posting.account].balance += posting.amount
        shares = []
        if draft.source is not None:
            day = self.days.get(draft.source.id)
            if day is not None:
                day.transactions += 1
                day.amount_minor += amount
            if draft.source.kind.lots is not None:
                shares = self.book.choose(draft.source.id, amount)
                self.book.take(entry_id, shares)
        if draft.target is None or draft.target.kind.lots is None:
            return
        if isinstance(draft.move, Credit):
            default = self.rules.expiry(draft.target, self.book.now)
            self.book.grant(entry_id, draft.target, amount, draft.move.lot or LotSpec(), default)
        else:
            self.book.carry(entry_id, shares, draft.target, first=len(shares))
