"""Every job by its name, for the worker."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from vezne import ledger
from vezne.app import rewarding
from vezne.bookings import jobs as bookings_jobs
from vezne.kernel.db import Database
from vezne.kernel.jobs import Job, JobCall
from vezne.kernel.mail.jobs import send_with
from vezne.kernel.mail.postman import Postman
from vezne.kernel.settings import Settings
from vezne.memberships.jobs import jobs_on as memberships_jobs_on
from vezne.orders import jobs as orders_jobs
from vezne.payments import Gateways
from vezne.payments.jobs import jobs_on
from vezne.rewards import jobs as rewards_jobs
from vezne.settlements import jobs as settlements_jobs
from vezne.wallets import jobs as wallets_jobs


@asynccontextmanager
async def open_jobs(settings: Settings, db: Database) -> AsyncIterator[Mapping[str, Job]]:
    """All jobs, with what they stand on open while the block runs."""
    gateways = Gateways.from_settings(settings)
    gateways.bind(db)
    try:
        yield {
            **jobs_on(gateways),
            **memberships_jobs_on(gateways),
            **orders_jobs.letters_on(gateways),
            "bookings.expire_due": bookings_jobs.expire_due,
            "ledger.seal": _seal_with(settings),
            "mail.send": send_with(Postman.from_settings(settings)),
            "orders.renew_due": orders_jobs.renew_due,
            "orders.retry_due": orders_jobs.retry_due,
            "orders.send_receipt": orders_jobs.send_receipt,
            "orders.send_refund_letter": orders_jobs.send_refund_letter,
            "rewards.activate_due": rewards_jobs.activate_due,
            "rewards.summarise": rewards_jobs.summarise,
            rewarding.REWARD: rewarding.reward_purchase,
            rewarding.TAKE_BACK: rewarding.take_back,
            "settlements.release_due": settlements_jobs.release_due,
            "wallets.expire_holds": wallets_jobs.expire_holds,
            "wallets.expire_lots": wallets_jobs.expire_lots,
            "wallets.remind_expiring": wallets_jobs.remind_expiring,
            "wallets.watch_spending": wallets_jobs.watch_spending,
        }
    finally:
        await gateways.aclose()


def seal_key(settings: Settings) -> bytes | None:
    """The key that signs the ledger's seals."""
    return None if settings.seal_key is None else settings.seal_key.get_secret_value().encode()


def _seal_with(settings: Settings) -> Job:
    key = seal_key(settings)

    async def seal(db: Database, call: JobCall) -> None:
        """Seal what was posted since the last seal. Again: nothing to seal."""
        if key is not None:
            async with db.transaction(call.principal) as tx:
                await ledger.seal(tx, key)

    return seal
