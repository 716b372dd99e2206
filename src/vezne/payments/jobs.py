"""The work payments leaves for later. Each job may run more than once; all end in operations that do not mind."""

from collections.abc import Awaitable, Callable, Mapping
from uuid import UUID

from vezne.kernel.db import Database
from vezne.kernel.ids import PREFIXES, parse_id
from vezne.kernel.jobs import Job, JobCall
from vezne.kernel.principal import Principal
from vezne.payments.gateways import Gateways
from vezne.payments.operations import disputing, following
from vezne.payments.operations.charging import charge_at_provider
from vezne.payments.operations.closing import cancel_at_provider, expire_due, watch_expiry
from vezne.payments.operations.methods import forget_at_provider
from vezne.payments.operations.polling import poll
from vezne.payments.operations.receiving import act_on_webhook
from vezne.payments.operations.refunding import refund_at_provider

Sweep = Callable[[Database, Gateways, Principal], Awaitable[object]]
Work = Callable[[Database, Gateways, Principal, UUID], Awaitable[object]]


def jobs_on(gateways: Gateways) -> Mapping[str, Job]:
    """Payments' jobs by name, on these gateways.

    `poll`, `charge`, `expire` and `refund_at_provider` enqueue their next try before they begin, and so do not fail when a
    provider gives no answer; `cancel_at_provider`, `forget_at_provider` and `act_on_webhook` raise ProviderUnavailable, to be run
    again by the worker.
    `expire_due` and `look_at_…` are sweeps over one tenant, for the schedule.
    """
    return {
        "payments.poll": _job(gateways, "attempt", poll),
        "payments.charge": _job(gateways, "attempt", charge_at_provider),
        "payments.forget_at_provider": _job(gateways, "method", forget_at_provider),
        "payments.expire": _job(gateways, "payment", watch_expiry),
        "payments.expire_due": _sweep(gateways, expire_due),
        "payments.look_at_subscriptions": _sweep(gateways, following.look_at_due),
        "payments.look_at_disputes": _sweep(gateways, disputing.look_at_due),
        "payments.refund_at_provider": _job(gateways, "refund", refund_at_provider),
        "payments.cancel_at_provider": _job(gateways, "attempt", cancel_at_provider),
        "payments.act_on_webhook": _job(gateways, "webhook", act_on_webhook),
    }


def _job(gateways: Gateways, noun: str, work: Work) -> Job:
    async def run(db: Database, call: JobCall) -> None:
        await work(db, gateways, call.principal, parse_id(PREFIXES[noun], call.payload[f"{noun}_id"]))

    return run


def _sweep(gateways: Gateways, sweep: Sweep) -> Job:
    async def run(db: Database, call: JobCall) -> None:
        await sweep(db, gateways, call.principal)

    return run
