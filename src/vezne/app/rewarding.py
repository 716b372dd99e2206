"""What orders mean for coins: what was spent on one is rewarded, and what stood on one that is refunded is taken back.

The reactions only leave a job, and only where there is something to do: an order's locks are held as short as before, and no
circle of locks can arise between the order, its wallets and its customer's coins.
"""

from uuid import UUID

from vezne import orders, rewards
from vezne.kernel.db import Database, Tx
from vezne.kernel.ids import parse_id, public_id
from vezne.kernel.jobs import JobCall
from vezne.kernel.money import Money
from vezne.rewards import jobs

REWARD, TAKE_BACK = "rewards.reward_purchase", "rewards.take_back"
_RULE = "rewards.purchases_are_rewarded"


async def on_order_fulfilled(tx: Tx, event: orders.OrderFulfilled) -> None:
    """Have what was spent rewarded, where the tenant has a rule for purchases."""
    if _RULE not in tx.remembered:  # a renewal fulfils many orders in one transaction
        tx.remembered[_RULE] = await rewards.rule_for(tx, "purchase") is not None
    if tx.remembered[_RULE]:
        await tx.enqueue(REWARD, {"order_id": public_id("ord", event.order_id)})


async def on_order_refunded(tx: Tx, event: orders.OrderRefundMade | orders.OrderRefunded) -> None:
    """Have what stood on the order taken back, where anything did."""
    order = await orders.order(tx, event.order_id)
    if await rewards.has_rewards(tx, _causes(order)):
        shown = public_id("ord", event.order_id)
        await tx.enqueue(TAKE_BACK, {"order_id": shown}, dedupe=shown)


async def reward_purchase(db: Database, call: JobCall) -> None:
    """Reward what is still spent on an order. Again: it was rewarded."""
    async with db.transaction(call.principal) as tx:
        given = await rewards.reward_purchase(tx, await _purchase(tx, _order_id(call)))
    await jobs.count_given(given)


async def take_back(db: Database, call: JobCall) -> None:
    """Take back what stood on an order: all of it when all was refunded, else what was refunded of a purchase. Again: no more."""
    async with db.transaction(call.principal) as tx:
        order = await orders.order(tx, _order_id(call))
        reason = f"refund of {public_id('ord', order.id)}"
        if order.refundable_minor == 0:
            await rewards.claw_back(tx, _causes(order), reason=reason)
        else:
            await rewards.lower_purchase(tx, await _purchase(tx, order.id), reason=reason)


def _order_id(call: JobCall) -> UUID:
    return parse_id("ord", call.payload["order_id"])


def _causes(order: orders.Order) -> list[str]:
    """What a reward may stand on: the order, or the payment that paid it."""
    shown = [public_id("ord", order.id)]
    return shown if order.payment_id is None else [*shown, public_id("pay", order.payment_id)]


async def _purchase(tx: Tx, order_id: UUID) -> rewards.Purchase:
    """What is spent on the order and not refunded; what coins paid of it is not rewarded with coins."""
    order = await orders.order(tx, order_id)
    coins = [tender for tender in await orders.tenders_of(tx, [order_id]) if tender.kind == "coins"]
    by_coins = sum(tender.amount_minor - tender.refunded_minor for tender in coins)
    spent = max(0, order.refundable_minor - by_coins)
    return rewards.Purchase(public_id("ord", order.id), order.customer_id, Money(spent, order.currency))
