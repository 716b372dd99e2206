"""A pack of credits or coins: what was paid for it becomes a lot of its own in the customer's wallet.

What of the price was paid and not refunded stands for its share of the units, rounded down; so a refund takes whole units, the
last unit of the money takes the last unit of the pack, and nobody keeps a unit that was paid back.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from vezne import catalog, identity, payments, wallets
from vezne.kernel.db import Tx
from vezne.kernel.errors import Conflict, Invalid
from vezne.kernel.ids import PublicId, parse_id, public_id
from vezne.kernel.money import Money
from vezne.kernel.settings import Settings
from vezne.orders import queries, queries_packs
from vezne.orders.lines.base import Details, Priced, lowered
from vezne.orders.lines.earning import earn
from vezne.orders.lines.top_up import WalletShut
from vezne.orders.models import Line, Seats, Snapshot

KIND = "credit_pack"
ItemId = Annotated[UUID, PublicId("itm")]


class PurchaseTooSmall(Invalid):
    """At least {minimum} {unit} are bought at once, not {units}."""


class CreditsSpent(Conflict):
    """Of line {line_id}, {left} of {granted} units are left: {refundable_minor} {currency} (minor units) can be refunded."""


REFUSALS = (
    catalog.PackUnknown,
    catalog.UnitsNeeded,
    catalog.UnitsNotOffered,
    PurchaseTooSmall,
    wallets.CreditLimitExceeded,
)
"""What only the order of a pack is refused with."""


class CreditPackDetails(Details):
    """A pack, and how many units of it where the buyer chooses."""

    kind: Literal["credit_pack"] = "credit_pack"
    item_id: ItemId
    units: int | None = Field(None, ge=1, le=1_000_000_000, description="how many; a fixed pack has its own number")


class CreditPack:
    """Fulfilled by a grant to the wallet, its money moved from `unapplied` to `revenue`; undone out of the grant's own lot."""

    name = KIND
    is_scarce = False

    async def price(self, tx: Tx, customer_id: UUID, asked: CreditPackDetails, currency: str) -> Priced:
        """What so many units cost in `currency`.

        Raises PackUnknown, NotOnSale, NoPriceIn, UnitsNeeded, UnitsNotOffered, PurchaseTooSmall, CreditLimitExceeded when the
        wallet would hold too much, WalletShut.
        """
        pack = await catalog.pack(tx, asked.item_id)
        units = catalog.units_of(pack, asked.units)
        amount = catalog.price_of_pack(pack, units, currency, tx.now)
        await _refuse_too_few(tx, pack, units)
        granted = units + pack.bonus_units
        wallet = await wallets.wallet_of(tx, customer_id, pack.wallet_kind, pack.unit)
        if wallet.status == "closed":
            raise WalletShut(wallet_id=public_id("wal", wallet.id), status=wallet.status)
        await wallets.refuse_above_limit(tx, wallet, granted)
        details = {
            "item_id": public_id("itm", pack.item.id),
            "wallet_id": public_id("wal", wallet.id),
            "unit": pack.unit,
            "units": units,
            "bonus_units": pack.bonus_units,
            "granted_units": granted,
            "life_days": pack.life_days,
        }
        accepts = tuple(kind for kind in pack.item.accepts if kind != pack.wallet_kind)
        return Priced(amount=amount, description=pack.item.name, details=details, quantity=units, accepts=accepts)

    async def discounted(self, _tx: Tx, priced: Priced, discount: Money, _trial_days: int) -> Priced:
        """Its price is made of nothing but itself; it grants as many units."""
        return lowered(priced, discount)

    async def hold(self, _tx: Tx, _line: Line, _customer_id: UUID, _until: datetime) -> Mapping[str, Any]:
        """There are always more."""
        return {}

    async def extend(self, _tx: Tx, _line: Line, _until: datetime) -> None:
        """Nothing is kept."""

    async def release(self, _tx: Tx, _line: Line) -> None:
        """Nothing is kept."""

    def snapshot(self, _line: Line, _taken_at: datetime) -> Snapshot | None:
        """Nobody has a share in it."""
        return None

    async def fulfil(self, tx: Tx, line: Line, amount: Money, cause: str) -> None:
        """Grant the units that `amount` stands for, whatever limits say: they are paid for. Raises what the wallet does."""
        units = _standing(line, line.applied_minor + amount.minor, line.left) - _standing(line, line.applied_minor, 0)
        await earn(tx, "pack.paid", [(line, amount, cause)])
        if not units:
            return
        life = line.details["life_days"]
        expires_at = None if life is None else tx.now + timedelta(days=life)
        done = await wallets.credit(
            tx,
            wallets.Credit(
                wallet_id=parse_id("wal", line.details["wallet_id"]),
                amount=Money(units, line.details["unit"]),
                lot=wallets.LotSpec("purchased", public_id("oli", line.id), expires_at),
                reference=wallets.Reference("order", public_id("ord", line.order_id)),
                once=True,
                description=line.description,
                metadata=await _paid_by(tx, line),
                cause=f"pack:{cause}",
                beyond_limit=True,
            ),
        )
        await queries_packs.insert_grant(tx, queries_packs.PackGrant(line.id, cause, done.id, units))

    async def undo(self, tx: Tx, line: Line, amount: Money, cause: str, seats: Seats) -> None:
        """Take back the units that `amount` stands for. Raises CreditsSpent when they are not all there."""
        before = _standing(line, line.applied_minor, line.left)
        wanted = before - _standing(line, line.applied_minor - amount.minor, line.left - seats.count)
        await earn(tx, "pack.refunded", [(line, -amount, cause)])
        grants = await queries_packs.select_grants(tx, line.id)
        missing = wanted if grants else 0  # what was free may never have been given
        for grant in grants:
            left = (await wallets.outstanding(tx, grant.transaction_id)).left_minor
            if min(missing, left):
                revoked = await wallets.revoke(
                    tx,
                    grant.transaction_id,
                    min(missing, left),
                    cause=f"pack:{cause}",
                    reference=wallets.Reference("order", public_id("ord", line.order_id)),
                    description=f"{line.description}, refunded",
                )
                missing -= revoked.taken_minor
        if missing:
            raise _spent(line, before, wanted - missing)


@cache
def deployment_minimum() -> int:
    """MIN_CREDIT_PURCHASE, for tenants that do not say."""
    return Settings().min_credit_purchase


async def _refuse_too_few(tx: Tx, pack: catalog.Pack, units: int) -> None:
    if pack.wallet_kind != "credits":
        return
    minimum = (await identity.settings_of(tx)).min_credit_purchase or deployment_minimum()
    if units < minimum:
        raise PurchaseTooSmall(loc=("body", "units"), minimum=minimum, unit=pack.unit, units=units)


def _standing(line: Line, applied: int, left: int) -> int:
    """How many units the customer has of the line when so much of its price is applied; of a free one, so many bought ones."""
    granted: int = line.details["granted_units"]
    if line.amount_minor:
        return granted * applied // line.amount_minor
    return granted * left // line.quantity


def _spent(line: Line, standing: int, left: int) -> CreditsSpent:
    granted: int = line.details["granted_units"]
    kept = -((left - standing) * line.amount_minor // granted)  # what the spent units cost, rounded up
    return CreditsSpent(
        loc=("body", "amount_minor"),
        line_id=public_id("oli", line.id),
        left=left,
        granted=granted,
        refundable_minor=max(0, line.applied_minor - kept),
        currency=line.currency,
    )


async def _paid_by(tx: Tx, line: Line) -> dict[str, str]:
    """What the history of credits tells of a purchase."""
    known = {
        "pack_id": line.details["item_id"],
        "order_id": public_id("ord", line.order_id),
        "amount_minor": str(line.amount_minor),
        "currency": line.currency,
    }
    order = await queries.select_order(tx, line.order_id)
    if order is None or order.payment_id is None:
        return known
    known["payment_id"] = public_id("pay", order.payment_id)
    for attempt in await payments.attempts(tx, [order.payment_id]):
        if attempt.is_final and attempt.provider_ref is not None:
            known["provider_payment_id"] = attempt.provider_ref
    return known
