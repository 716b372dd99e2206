"""Stored value as plain Python: what the wallets must agree with at every step."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

REFUND_LIFE = timedelta(days=30)


@dataclass(eq=False)
class ModelLot:
    """A lot; `number` counts lots in the order of their making."""

    number: int
    remaining: int
    granted_at: datetime
    expires_at: datetime | None
    type: str = "purchased"
    held: int = 0

    def good(self, now: datetime) -> bool:
        return self.expires_at is None or now < self.expires_at


Shares = list[tuple[ModelLot, int]]


@dataclass(eq=False)
class ModelWallet:
    """A wallet; plain money is one lot that never lapses."""

    kind: str
    owner: str = ""
    lots: list[ModelLot] = field(default_factory=list)
    frozen: bool = False

    @property
    def balance(self) -> int:
        return sum(lot.remaining for lot in self.lots)

    @property
    def held(self) -> int:
        return sum(lot.held for lot in self.lots)

    def spendable(self, now: datetime) -> int:
        return sum(lot.remaining - lot.held for lot in self.lots if lot.good(now))

    def lapsed(self, now: datetime) -> int:
        return sum(lot.remaining - lot.held for lot in self.lots if not lot.good(now))

    def in_order(self) -> list[ModelLot]:
        fifo = self.kind in {"money", "credits"}

        def order(lot: ModelLot) -> tuple[object, ...]:
            if fifo:
                return lot.granted_at, lot.number
            return lot.expires_at is None, lot.expires_at or lot.granted_at, lot.granted_at, lot.number

        return sorted(self.lots, key=order)

    def choose(self, amount: int, now: datetime) -> Shares:
        shares: Shares = []
        for lot in (lot for lot in self.in_order() if lot.good(now)):
            part = min(amount, lot.remaining - lot.held)
            if part:
                shares.append((lot, part))
                amount -= part
        assert amount == 0
        return shares


@dataclass(eq=False)
class ModelHold:
    """A hold with what it still reserves."""

    wallet: ModelWallet
    shares: Shares
    expires_at: datetime
    open: bool = True

    @property
    def remaining(self) -> int:
        return sum(amount for _, amount in self.shares)


@dataclass(eq=False)
class ModelDebit:
    """A debit with what it took, in order, less what was given back from the end."""

    wallet: ModelWallet
    taken: Shares

    @property
    def refundable(self) -> int:
        return sum(amount for _, amount in self.taken)


@dataclass(eq=False)
class ModelCredit:
    """A credit with its own lot, and what may still be taken back of it."""

    wallet: ModelWallet
    lot: ModelLot
    left: int


@dataclass
class Model:
    """All of it. Each operation answers whether it is possible; if not it changes nothing."""

    now: datetime
    wallets: list[ModelWallet]
    made: int = 0

    def credit(self, wallet: ModelWallet, amount: int, expires_at: datetime | None, type_: str = "purchased") -> ModelCredit:
        return ModelCredit(wallet, self._lot(wallet, amount, self.now, expires_at, type_), amount)

    def revoke(self, credit: ModelCredit, amount: int, *, beyond_lot: bool) -> int | None:
        """How much is taken back; None: it is refused."""
        wallet, taken = credit.wallet, 0
        wanted = min(amount, credit.left)
        any_lot = beyond_lot or wallet.kind == "money"  # money keeps no lots: what is there is taken
        shares: Shares = []
        for lot in dict.fromkeys([credit.lot, *(wallet.in_order() if any_lot else [])]):
            part = min(wanted - taken, lot.remaining - lot.held) if lot.good(self.now) else 0
            if part:
                shares.append((lot, part))
                taken += part
        if taken and wallet.frozen:
            return None
        _take(shares)
        credit.left -= taken
        return taken

    def debit(self, wallet: ModelWallet, amount: int) -> ModelDebit | None:
        if wallet.frozen or wallet.spendable(self.now) < amount:
            return None
        shares = wallet.choose(amount, self.now)
        _take(shares)
        return ModelDebit(wallet, shares)

    def transfer(self, giver: ModelWallet, taker: ModelWallet, amount: int) -> bool:
        if giver is taker or giver.kind != taker.kind or giver.kind in {"coins", "gift_card"}:
            return False
        if giver.kind == "credits" and giver.owner != taker.owner:
            return False
        if giver.frozen or giver.spendable(self.now) < amount:
            return False
        shares = giver.choose(amount, self.now)
        _take(shares)
        for lot, part in shares:
            self._lot(taker, part, lot.granted_at, lot.expires_at, lot.type)
        return True

    def hold(self, wallet: ModelWallet, amount: int, expires_at: datetime) -> ModelHold | None:
        if wallet.frozen or wallet.spendable(self.now) < amount:
            return None
        shares = wallet.choose(amount, self.now)
        for lot, part in shares:
            lot.held += part
        return ModelHold(wallet, shares, expires_at)

    def capture(self, hold: ModelHold, amount: int, *, final: bool) -> ModelDebit | None:
        if not hold.open or hold.expires_at <= self.now or hold.wallet.frozen or amount > hold.remaining:
            return None
        taken = _cut(hold, amount)
        _take(taken)
        if final:
            _cut(hold, hold.remaining)
        hold.open = hold.remaining > 0
        return ModelDebit(hold.wallet, taken)

    def release(self, hold: ModelHold) -> bool:
        if not hold.open or hold.expires_at <= self.now:
            return False
        _cut(hold, hold.remaining)
        hold.open = False
        return True

    def refund(self, debit: ModelDebit, amount: int) -> bool:
        if amount > debit.refundable:
            return False
        lapsed = 0
        while amount:
            lot, taken = debit.taken.pop()
            part = min(amount, taken)
            if part < taken:
                debit.taken.append((lot, taken - part))
            amount -= part
            if lot.good(self.now):
                lot.remaining += part
            else:
                lapsed += part
        if lapsed:
            self._lot(debit.wallet, lapsed, self.now, self.now + REFUND_LIFE, "refunded")
        return True

    def sweep(self, holds: list[ModelHold]) -> None:
        for hold in holds:
            if hold.open and hold.expires_at <= self.now:
                _cut(hold, hold.remaining)
                hold.open = False
        for wallet in self.wallets:
            if not wallet.frozen:
                for lot in wallet.lots:
                    if not lot.good(self.now):
                        lot.remaining = lot.held

    def _lot(self, wallet: ModelWallet, amount: int, granted_at: datetime, expires_at: datetime | None, type_: str) -> ModelLot:
        self.made += 1
        wallet.lots.append(ModelLot(self.made, amount, granted_at, expires_at, type_))
        return wallet.lots[-1]


def _take(shares: Shares) -> None:
    for lot, part in shares:
        lot.remaining -= part


def _cut(hold: ModelHold, amount: int) -> Shares:
    """Let the first `amount` of what is held go."""
    gone: Shares = []
    left: Shares = []
    for lot, part in hold.shares:
        now = min(part, amount)
        amount -= now
        lot.held -= now
        if now:
            gone.append((lot, now))
        if part - now:
            left.append((lot, part - now))
    hold.shares = left
    return gone
