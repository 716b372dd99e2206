"""Drafts: a move as the entry it would be, or why it cannot be one whatever the balances are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from vezne import ledger
from vezne.kernel.db import Tx
from vezne.kernel.errors import Refusal
from vezne.kernel.ids import new_id, public_id
from vezne.kernel.money import Money
from vezne.ledger import AccountId, Entry, Posting, Refused
from vezne.wallets.models import Credit, Debit, Limits, LotSpec, Move, Transfer, Wallet
from vezne.wallets.operations.limits import Rules, transaction_refusal
from vezne.wallets.queries import wallets as queries
from vezne.wallets.refusals import (
    AmountNotPositive,
    KindKeepsNoLots,
    KindNotTransferable,
    LotLapsedAlready,
    ReferenceNeeded,
    SameWallet,
    TransferToOtherCustomer,
    WalletCurrencyDiffers,
    WalletMissing,
    WalletsDiffer,
)


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry to be posted for a move: `source` gives, `target` receives.

    `limits` are those of the source; `ceiling` is the most the target may hold after it.
    """

    move: Move
    entry: Entry
    source: Wallet | None
    target: Wallet | None
    limits: Limits | None = None
    ceiling: int | None = None

    @property
    def guarded(self) -> bool:
        """Whether more than the ledger decides it: lots to take from, a day's limit, or the most a wallet may hold."""
        if self.ceiling is not None:
            return True
        return self.source is not None and (self.source.kind.lots is not None or (self.limits is not None and self.limits.daily))


class DraftingTable:
    """What drafts are made from: the wallets and house accounts of a batch."""

    def __init__(self, tx: Tx, rules: Rules, wallets: Mapping[UUID, Wallet], house: Mapping[tuple[str, str], AccountId]) -> None:
        self.now = tx.now
        self.rules = rules
        self.wallets = wallets
        self.house = house

    @classmethod
    async def lay(cls, tx: Tx, rules: Rules, moves: Sequence[Move]) -> "DraftingTable":
        """Read what `moves` need."""
        ids: set[UUID] = set()
        contras: set[tuple[str, str]] = set()
        for move in moves:
            if isinstance(move, Transfer):
                ids |= {move.from_wallet_id, move.to_wallet_id}
            else:
                ids.add(move.wallet_id)
                contras.add((move.contra, move.amount.currency))
        wallets = await queries.select_wallets(tx, list(ids))
        held = {wallet.currency for wallet in wallets.values()}
        house = {key: await ledger.house_account(tx, *key) for key in sorted(contras) if key[1] in held}
        return cls(tx, rules, wallets, house)

    def draft(self, move: Move) -> Draft | Refused:
        """The move's draft."""
        try:
            if isinstance(move, Debit):
                return self._debit(move)
            return self._credit(move) if isinstance(move, Credit) else self._transfer(move)
        except Refusal as refusal:
            return Refused(refusal)

    def _debit(self, move: Debit) -> Draft:
        wallet, amount = self._wallet(move.wallet_id, move.amount), move.amount.minor
        limits = None if move.unlimited else self._limits(wallet, amount)
        house = self.house[move.contra, wallet.currency]
        postings = (Posting(wallet.account, -amount), Posting(house, amount))
        return Draft(move, _entry("debit", move, wallet.id, postings), wallet, None, limits)

    def _credit(self, move: Credit) -> Draft:
        wallet, amount = self._wallet(move.wallet_id, move.amount), move.amount.minor
        if move.lot is not None:
            if wallet.kind.lots is None:
                raise KindKeepsNoLots(loc=("body", "type"), kind=wallet.kind_name)
            if move.lot.expires_at is not None and move.lot.expires_at <= self.now:
                raise LotLapsedAlready(loc=("body", "expires_at"), expires_at=move.lot.expires_at.isoformat())
        house = self.house[move.contra, wallet.currency]
        postings = (Posting(wallet.account, amount), Posting(house, -amount))
        more = None if wallet.kind.lots is None else {"lot": (move.lot or LotSpec()).type}
        ceiling = None if move.beyond_limit else self.rules.ceiling(wallet)
        return Draft(move, _entry("credit", move, wallet.id, postings, more), None, wallet, ceiling=ceiling)

    def _transfer(self, move: Transfer) -> Draft:
        amount = move.amount.minor
        if move.from_wallet_id == move.to_wallet_id:
            raise SameWallet(loc=("body", "to_wallet_id"))
        source, target = self._wallet(move.from_wallet_id, move.amount), self._wallet(move.to_wallet_id, move.amount)
        if source.kind_name != target.kind_name:
            raise WalletsDiffer(loc=("body", "to_wallet_id"))
        if source.kind.transferable == "no":
            raise KindNotTransferable(loc=("body", "from_wallet_id"), kind=source.kind_name)
        if source.kind.transferable == "same_customer" and source.customer_id != target.customer_id:
            raise TransferToOtherCustomer(loc=("body", "to_wallet_id"), kind=source.kind_name)
        limits = self._limits(source, amount)
        postings = (Posting(source.account, -amount), Posting(target.account, amount))
        parties = {"from": public_id("wal", source.id), "to": public_id("wal", target.id)}
        entry = _entry("transfer", move, source.id, postings, parties)
        return Draft(move, entry, source, target, limits, self.rules.ceiling(target))

    def _wallet(self, wallet_id: UUID, amount: Money) -> Wallet:
        wallet = self.wallets.get(wallet_id)
        if wallet is None:
            raise WalletMissing(wallet_id=public_id("wal", wallet_id))
        if amount.minor <= 0:
            raise AmountNotPositive(loc=("body", "amount_minor"))
        if amount.currency != wallet.currency:
            raise WalletCurrencyDiffers(
                loc=("body", "currency"),
                wallet_id=public_id("wal", wallet_id),
                expected=wallet.currency,
                currency=amount.currency,
            )
        return wallet

    def _limits(self, wallet: Wallet, amount: int) -> Limits:
        limits = self.rules.limits(wallet)
        refusal = transaction_refusal(wallet, limits, amount)
        if refusal is not None:
            raise refusal
        return limits


def _entry(
    kind: str, move: Move, wallet_id: UUID, postings: tuple[Posting, Posting], more: Mapping[str, str] | None = None
) -> Entry:
    """Told once only by its kind, wallet and reference, or by a cause of the caller's own."""
    details: dict[str, object] = dict(more) if more else {}
    reference = None
    if move.reference is not None:
        details["reference"] = {"type": move.reference.type, "id": move.reference.id}
        if move.once:
            reference = move.cause or f"{kind}:{wallet_id}:{move.reference.type}:{move.reference.id}"
    elif move.once:
        raise ReferenceNeeded(loc=("body", "reference"))
    if move.metadata:
        details["metadata"] = move.metadata
    return Entry(new_id(), kind, postings, (), reference, move.description, details)
