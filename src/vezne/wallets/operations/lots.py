"""Lots: what is granted with a type, an origin and an expiry, spent in its kind's order, and given back where it came from.

Everything here works on lots read under the lock of their wallets' accounts, and gathers what is to be written.
"""

from bisect import insort
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from vezne.kernel.db import Tx
from vezne.kernel.ids import new_id
from vezne.wallets.kinds import REFUND_LIFE
from vezne.wallets.models import Lot, LotSpec, Share, Wallet
from vezne.wallets.queries import lots as queries


class LotBook:
    """The lots of some wallets, and what has been done to them."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.lots: dict[UUID, list[Lot]] = {}
        self.new: dict[UUID, Lot] = {}
        self.changed: dict[UUID, Lot] = {}
        self.moves: list[queries.LotMove] = []

    @classmethod
    async def read(cls, tx: Tx, wallets: Iterable[Wallet]) -> "LotBook":
        """The filled lots of `wallets`, whose accounts the caller has locked, each wallet's in the order of spending."""
        book = cls(tx.now)
        orders = {wallet.id: wallet.kind.lots for wallet in wallets if wallet.kind.lots is not None}
        if orders:
            for lot in await queries.select_filled_lots(tx, list(orders)):
                book.lots.setdefault(lot.wallet_id, []).append(lot)
        for wallet_id, lots in book.lots.items():
            lots.sort(key=orders[wallet_id])
        return book

    def spendable(self, wallet_id: UUID) -> int:
        """What can be taken from the wallet's lots now."""
        return sum(lot.free_minor for lot in self.lots.get(wallet_id, ()) if not lot.lapsed(self.now))

    def choose(self, wallet_id: UUID, amount: int) -> list[Share]:
        """The lots `amount` comes out of; the caller has seen that they hold so much."""
        shares: list[Share] = []
        for lot in self.lots.get(wallet_id, ()):
            part = 0 if lot.lapsed(self.now) else min(lot.free_minor, amount)
            if part > 0:
                shares.append(Share(lot, part))
                amount -= part
            if amount == 0:
                break
        return shares

    def take(self, entry_id: UUID, shares: Sequence[Share]) -> None:
        """Take shares out of their lots, for an entry."""
        for share in shares:
            share.lot.remaining_minor -= share.amount_minor
            self._changed(share.lot)
        self.record(entry_id, [(share.lot, -share.amount_minor) for share in shares])

    def hold(self, shares: Sequence[Share], sign: int = 1) -> None:
        """Reserve shares of their lots; with `sign` -1 give them free."""
        for share in shares:
            share.lot.held_minor += sign * share.amount_minor
            self._changed(share.lot)

    def lapsed(self, wallet_id: UUID) -> int:
        """What has lapsed in the wallet's lots and waits to be written off."""
        return sum(lot.free_minor for lot in self.lots.get(wallet_id, ()) if lot.lapsed(self.now))

    def grant(self, entry_id: UUID, wallet: Wallet, amount: int, spec: LotSpec, default: datetime | None) -> Lot:
        """A new lot, for an entry; it lapses when its grant says, or else at `default`."""
        expires_at = spec.expires_at or default
        lot = Lot(new_id(), wallet.id, spec.type, spec.origin, amount, amount, 0, self.now, expires_at)
        self._add(lot, wallet)
        self.record(entry_id, [(lot, amount)])
        return lot

    def carry(self, entry_id: UUID, shares: Sequence[Share], wallet: Wallet, first: int) -> None:
        """Shares taken from another wallet's lots arrive as lots of the same type, origin, age and expiry."""
        arrived: list[tuple[Lot, int]] = []
        for share in shares:
            source, amount = share.lot, share.amount_minor
            granted_at, expires_at = source.granted_at, source.expires_at
            lot = Lot(new_id(), wallet.id, source.type, source.origin, amount, amount, 0, granted_at, expires_at)
            self._add(lot, wallet)
            arrived.append((lot, amount))
        self.record(entry_id, arrived, first)

    def give_back(self, entry_id: UUID, wallet: Wallet, shares: Sequence[Share]) -> None:
        """Shares return to their lots; what had lapsed returns as one lot of type `refunded`, good for REFUND_LIFE more."""
        returned: list[tuple[Lot, int]] = []
        lapsed = 0
        for share in shares:
            if share.lot.lapsed(self.now):
                lapsed += share.amount_minor
                continue
            share.lot.remaining_minor += share.amount_minor
            self._changed(share.lot)
            returned.append((share.lot, share.amount_minor))
        if lapsed:
            until = self.now + REFUND_LIFE
            lot = Lot(new_id(), wallet.id, "refunded", "returned after its lot had lapsed", lapsed, lapsed, 0, self.now, until)
            self._add(lot, wallet)
            returned.append((lot, lapsed))
        self.record(entry_id, returned)

    def record(self, entry_id: UUID, deltas: Sequence[tuple[Lot, int]], first: int = 0) -> None:
        """Keep what an entry did to lots, in order, the first of them as its `first`."""
        self.moves += [queries.LotMove(entry_id, lot.id, first + index, delta) for index, (lot, delta) in enumerate(deltas)]

    async def write(self, tx: Tx) -> None:
        """Write what has been done."""
        if self.new:
            await queries.insert_lots(tx, list(self.new.values()))
        if self.changed:
            await queries.update_lots(tx, list(self.changed.values()))
        if self.moves:
            await queries.insert_lot_moves(tx, self.moves)

    def _changed(self, lot: Lot) -> None:
        if lot.id not in self.new:
            self.changed[lot.id] = lot

    def _add(self, lot: Lot, wallet: Wallet) -> None:
        self.new[lot.id] = lot
        if wallet.kind.lots is not None:
            insort(self.lots.setdefault(wallet.id, []), lot, key=wallet.kind.lots)
