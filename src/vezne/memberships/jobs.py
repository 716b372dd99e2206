"""What time does to memberships, run by the clock, per tenant; and what providers are told. Nothing here charges anybody."""

from collections.abc import Mapping
from typing import cast

from vezne.kernel.db import Database
from vezne.kernel.ids import parse_id
from vezne.kernel.jobs import Job, JobCall
from vezne.memberships.operations import asking, leaving, pausing, watching
from vezne.payments import Gateways


def jobs_on(gateways: Gateways) -> Mapping[str, Job]:
    """The memberships' jobs by name, on these gateways. `tell_provider` raises ProviderUnavailable, to be run again."""

    async def tell_provider(db: Database, call: JobCall) -> None:
        membership_id = parse_id("mbs", call.payload["membership_id"])
        command = cast("leaving.Command", call.payload["command"])
        await asking.tell(db, gateways, call.principal, membership_id, command)

    return {leaving.TELL_PROVIDER: tell_provider, "memberships.watch": watch}


async def watch(db: Database, call: JobCall) -> None:
    """Resume what has paused long enough, tell of trials that end soon, end what was never asked for, some at a time.

    Again: nothing more to do.
    """
    for sweep in (pausing.resume_due, watching.notice_trials, watching.end_never_asked):
        while True:
            async with db.transaction(call.principal) as tx:
                if not await sweep(tx):
                    break
