"""The work payments leaves for later. Each job may run more than once; all end in operations that do not mind."""

from collections.abc import Awaitable, Callable, Mapping
from uuid import UUID

import structlog

from vezne.kernel.db import Database
from vezne.kernel.ids import PREFIXES, parse_id
from vezne.kernel.jobs import Job, JobCall
from vezne.kernel.principal import Principal
from vezne.payments.gateways import Gateways
from vezne.payments.operations.closing import cancel_at_provider, watch_expiry
from vezne.payments.operations.polling import poll
from vezne.payments.operations.receiving import act_on_webhook
from vezne.payments.operations.refunding import refund_at_provider
from vezne.payments.providers.base import ProviderUnavailable

_log = structlog.get_logger("vezne.payments")

Work = Callable[[Database, Gateways, Principal, UUID], Awaitable[object]]


def jobs_on(gateways: Gateways) -> Mapping[str, Job]:
    """Payments' jobs by name, on these gateways.

    A provider that gives no answer is no failure of `poll`, `expire` and `refund_at_provider`, which have enqueued their next
    try; the others raise ProviderUnavailable, to be run again by the worker.
    """
    return {
        "payments.poll": _job(gateways, "attempt", poll, tries_again=True),
        "payments.expire": _job(gateways, "payment", watch_expiry, tries_again=True),
        "payments.refund_at_provider": _job(gateways, "refund", refund_at_provider, tries_again=True),
        "payments.cancel_at_provider": _job(gateways, "attempt", cancel_at_provider, tries_again=False),
        "payments.act_on_webhook": _job(gateways, "webhook", act_on_webhook, tries_again=False),
    }


def _job(gateways: Gateways, noun: str, work: Work, *, tries_again: bool) -> Job:
    async def run(db: Database, call: JobCall) -> None:
        subject = parse_id(PREFIXES[noun], call.payload[f"{noun}_id"])
        try:
            await work(db, gateways, call.principal, subject)
        except ProviderUnavailable as error:
            if not tries_again:
                raise
            _log.warning("provider gave no answer", job=call.name, reason=error.detail)

    return run
