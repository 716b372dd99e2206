"""Reading: rewards, and a customer's coins."""

from dataclasses import dataclass
from uuid import UUID

from vezne import identity, wallets
from vezne.kernel.db import Tx
from vezne.kernel.ids import UnknownId, parse_id, public_id
from vezne.rewards.models.rewards import ClawBack, Reward
from vezne.rewards.queries import rewards as queries
from vezne.rewards.refusals import CustomerNotNamed, RewardUnknown, StudentUnknown


@dataclass(frozen=True, slots=True)
class Coins:
    """What a customer has, will have (`pending`), and owes, in whole coins. Without a wallet: nothing yet."""

    customer: identity.Customer
    wallet: wallets.Wallet | None
    currency: str
    balance_minor: int
    held_minor: int
    available_minor: int
    pending_minor: int
    owed_minor: int


async def coins_of(tx: Tx, customer: identity.Customer) -> Coins:
    """The customer's coins as they are now; nothing is made for it."""
    unit = (await identity.settings_of(tx)).coin_unit
    found = await wallets.wallets_page(
        tx, limit=1, customer_id=customer.id, kind="coins", currency=unit, label="main", before=None
    )
    wallet = found[0] if found else None
    held = wallets.Holdings(0, 0, 0) if wallet is None else (await wallets.holdings(tx, [wallet]))[wallet.id]
    return Coins(
        customer,
        wallet,
        unit,
        held.balance,
        held.held,
        max(0, held.available),
        await queries.select_pending_minor(tx, customer.id, unit),
        await queries.select_owed(tx, customer.id),
    )


async def reward(tx: Tx, reward_id: UUID) -> tuple[Reward, list[ClawBack]]:
    """A reward, and what was taken back of it. Raises RewardUnknown."""
    found = await queries.select_reward(tx, reward_id)
    if found is None or not tx.principal.concerns(found.customer_id):
        raise RewardUnknown(reward_id=public_id("rwd", reward_id))
    return found, await queries.select_claw_backs(tx, reward_id)


async def rewards_page(
    tx: Tx,
    *,
    customer_id: UUID | None = None,
    type_: str | None = None,
    status: str | None = None,
    reference: str | None = None,
    before: UUID | None = None,
    limit: int = 20,
) -> list[Reward]:
    """Rewards, newest first."""
    return await queries.select_page(
        tx, customer_id=customer_id, type_=type_, status=status, reference=reference, before=before, limit=limit
    )


async def named(tx: Tx, student_id: str | None, customer_id: UUID | None, *, field: str = "student_id") -> identity.Customer:
    """The customer a request names, by the tenant's own reference (made known when there is none yet) or by id.

    A customer's own token need name nobody. Raises CustomerNotNamed, CustomerNotFound.
    """
    own = tx.principal.customer_id
    if own is not None:
        found = await identity.customer(tx, own)
        if customer_id not in {None, own} or student_id not in {None, found.reference}:
            raise identity.CustomerNotFound(customer_id=student_id if customer_id is None else public_id("cus", customer_id))
        return found
    if student_id is not None and customer_id is None:
        return (await identity.customers_by_reference(tx, [student_id]))[student_id]
    if customer_id is None or student_id is not None:
        raise CustomerNotNamed(loc=("body", field))
    return await identity.customer(tx, customer_id)


async def known(tx: Tx, student_id: str) -> identity.Customer:
    """The customer with this reference, or this id, who is there already. Raises StudentUnknown."""
    found = await identity.customers(tx, reference=student_id)
    if not found:
        try:
            found = list((await identity.customers_by_id(tx, [parse_id("cus", student_id)])).values())
        except UnknownId:
            found = []
    if not found or not tx.principal.concerns(found[0].id):
        raise StudentUnknown(student_id=student_id)
    return found[0]
