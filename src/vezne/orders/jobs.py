"""What time does to orders: memberships that go on, run by the clock, per tenant; and the letters that orders send."""

from collections.abc import Mapping

from vezne import memberships
from vezne.kernel.db import Database
from vezne.kernel.ids import parse_id
from vezne.kernel.jobs import Job, JobCall
from vezne.orders.operations import notifying, receipts, renewing
from vezne.payments import Gateways


async def renew_due(db: Database, call: JobCall) -> None:
    """Open and charge the periods of all memberships whose time has come, some at a time. Again: nothing more to do."""
    while True:
        async with db.transaction(call.principal) as tx:
            if not await renewing.renew(tx):
                return


async def retry_due(db: Database, call: JobCall) -> None:
    """Try again to charge the periods whose day it is. Each is given out in one transaction and tried in one of its own."""
    while True:
        async with db.transaction(call.principal) as tx:
            periods = await memberships.periods_to_retry(tx, renewing.AT_ONCE)
        if not periods:
            return
        for period in periods:
            async with db.transaction(call.principal) as tx:
                await renewing.retry(tx, period)


async def send_receipt(db: Database, call: JobCall) -> None:
    """Post the receipt of an order that is fulfilled. Again: it was posted."""
    await receipts.send_receipt(db, call.principal, parse_id("ord", call.payload["order_id"]))


async def send_refund_letter(db: Database, call: JobCall) -> None:
    """Post where the money of a refund goes. Again: it was posted."""
    order_id, refund_id = parse_id("ord", call.payload["order_id"]), parse_id("ref", call.payload["refund_id"])
    async with db.transaction(call.principal) as tx:
        await receipts.send_refund_letter(tx, order_id, refund_id)


def letters_on(gateways: Gateways) -> Mapping[str, Job]:
    """The jobs of letters about memberships by name; these gateways know where the checkout is. Again: it was posted."""

    async def past_due(db: Database, call: JobCall) -> None:
        async with db.transaction(call.principal) as tx:
            await notifying.past_due(tx, gateways, parse_id("mbs", call.payload["membership_id"]))

    async def unpaid(db: Database, call: JobCall) -> None:
        membership_id, period_id = parse_id("mbs", call.payload["membership_id"]), parse_id("mpd", call.payload["period_id"])
        async with db.transaction(call.principal) as tx:
            await notifying.unpaid(tx, membership_id, period_id)

    async def ended(db: Database, call: JobCall) -> None:
        async with db.transaction(call.principal) as tx:
            await notifying.ended(tx, parse_id("mbs", call.payload["membership_id"]))

    async def trial_ending(db: Database, call: JobCall) -> None:
        async with db.transaction(call.principal) as tx:
            await notifying.trial_ending(tx, parse_id("mbs", call.payload["membership_id"]))

    return {
        "memberships.tell_past_due": past_due,
        "memberships.tell_unpaid": unpaid,
        "memberships.tell_ended": ended,
        "memberships.tell_trial_ending": trial_ending,
    }
