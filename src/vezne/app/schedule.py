"""What runs by the clock: one table. A sweep finds the tenants that have something due and leaves a job for each.

The sweep's turn is real time; what is due is judged by each tenant's own clock, which a test tenant may hold. One worker at a
time sweeps, however many there are.
"""

from dataclasses import dataclass
from typing import LiteralString

from vezne.kernel import clock
from vezne.kernel.db import Database
from vezne.kernel.jobs import JobCall, enqueue

_TENANTS = """SELECT tenants.tenant_id, tenants.livemode
              FROM tenants LEFT JOIN clocks ON clocks.tenant_id = tenants.tenant_id
              WHERE """


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A job for every tenant that has something due, and when to look (cron, seconds last).

    `due` is a condition on `tenants`, by an index; $1 is the real time and `clocks.held_at` the tenant's, where it is held.
    """

    job: str
    cron: str
    due: LiteralString

    async def sweep(self, db: Database) -> int:
        """Leave a job for each tenant that has something due; how many. One that still waits is not left twice."""
        async with db.connection() as connection, connection.transaction():
            rows = await connection.fetch(_TENANTS + self.due, clock.real_now())
            calls = [JobCall(self.job, row["tenant_id"], livemode=row["livemode"], dedupe="sweep") for row in rows]
            if calls:
                await enqueue(connection, calls)
        return len(calls)


SCHEDULE = (
    Scheduled(
        job="wallets.expire_holds",
        cron="* * * * * */5",
        due="""EXISTS (SELECT FROM holds WHERE holds.tenant_id = tenants.tenant_id AND holds.status = 'open'
                       AND holds.expires_at <= coalesce(clocks.held_at, $1))""",
    ),
    Scheduled(
        job="wallets.expire_lots",
        cron="* * * * * */15",
        due="""EXISTS (SELECT FROM lots WHERE lots.tenant_id = tenants.tenant_id AND lots.remaining_minor > lots.held_minor
                       AND lots.remaining_minor > 0 AND lots.expires_at <= coalesce(clocks.held_at, $1))""",
    ),
    Scheduled(
        job="wallets.remind_expiring",  # once a day of the tenant's, in the morning; `operations.reminding` says the same
        cron="30 */10 * * * *",
        due="""coalesce((tenants.settings ->> 'expiry_reminder_days')::integer, 7) > 0
               AND extract(hour FROM coalesce(clocks.held_at, $1)
                           AT TIME ZONE coalesce(tenants.settings ->> 'time_zone', 'Europe/Istanbul')) >= 9
               AND NOT EXISTS (SELECT FROM reminder_days WHERE reminder_days.tenant_id = tenants.tenant_id
                               AND reminder_days.day = (coalesce(clocks.held_at, $1)
                                   AT TIME ZONE coalesce(tenants.settings ->> 'time_zone', 'Europe/Istanbul'))::date)
               AND EXISTS (SELECT FROM lots WHERE lots.tenant_id = tenants.tenant_id AND lots.remaining_minor > 0
                           AND lots.expires_at > coalesce(clocks.held_at, $1)
                           AND lots.expires_at <= coalesce(clocks.held_at, $1) + make_interval(
                               days => coalesce((tenants.settings ->> 'expiry_reminder_days')::integer, 7)))""",
    ),
    Scheduled(
        job="wallets.watch_spending",  # entries' ids are in order of real time; `operations.spending` looks back as far
        cron="* * * * *",
        due="""EXISTS (SELECT FROM entries WHERE entries.tenant_id = tenants.tenant_id AND entries.id >= rpad(lpad(to_hex(
                       (extract(epoch FROM $1::timestamptz - interval '10 min') * 1000)::bigint), 12, '0'), 32, '0')::uuid)""",
    ),
    Scheduled(
        job="payments.expire_due",
        cron="* * * * * */5",
        due="""EXISTS (SELECT FROM payments WHERE payments.tenant_id = tenants.tenant_id
                       AND payments.status IN ('requires_payment', 'requires_action', 'processing') AND payments.flag IS NULL
                       AND payments.expires_at <= coalesce(clocks.held_at, $1))""",
    ),
    Scheduled(
        job="payments.look_at_subscriptions",
        cron="* * * * * */15",
        due="""EXISTS (SELECT FROM subscriptions WHERE subscriptions.tenant_id = tenants.tenant_id
                       AND subscriptions.look_at <= coalesce(clocks.held_at, $1))""",
    ),
    Scheduled(
        job="payments.look_at_disputes",
        cron="* * * * *",
        due="""EXISTS (SELECT FROM disputes WHERE disputes.tenant_id = tenants.tenant_id
                       AND disputes.look_at <= coalesce(clocks.held_at, $1))""",
    ),
    Scheduled(
        job="settlements.release_due",
        cron="* * * * * */30",
        due="""EXISTS (SELECT FROM settlements WHERE settlements.tenant_id = tenants.tenant_id
                       AND settlements.release_at IS NOT NULL AND settlements.released_at IS NULL
                       AND settlements.release_at <= coalesce(clocks.held_at, $1))""",
    ),
    Scheduled(
        job="bookings.expire_due",
        cron="* * * * * */5",
        due="""EXISTS (SELECT FROM claims WHERE claims.tenant_id = tenants.tenant_id AND claims.status = 'held'
                       AND claims.expires_at <= coalesce(clocks.held_at, $1))
               OR EXISTS (SELECT FROM units WHERE units.tenant_id = tenants.tenant_id
                          AND units.occupied_until <= coalesce(clocks.held_at, $1))""",
    ),
    Scheduled(
        job="orders.renew_due",
        cron="* * * * * */15",
        due="""EXISTS (SELECT FROM memberships WHERE memberships.tenant_id = tenants.tenant_id
                       AND memberships.renews_at <= coalesce(clocks.held_at, $1))""",
    ),
    Scheduled(
        job="orders.retry_due",
        cron="* * * * * */15",
        due="""EXISTS (SELECT FROM membership_periods WHERE membership_periods.tenant_id = tenants.tenant_id
                       AND membership_periods.next_try_at <= coalesce(clocks.held_at, $1))""",
    ),
    Scheduled(
        job="rewards.activate_due",
        cron="* * * * * */15",
        due="""EXISTS (SELECT FROM rewards WHERE rewards.tenant_id = tenants.tenant_id AND rewards.status = 'pending'
                       AND rewards.due_at <= coalesce(clocks.held_at, $1))""",
    ),
    Scheduled(
        job="memberships.watch",
        cron="* * * * *",
        due="""EXISTS (SELECT FROM memberships WHERE memberships.tenant_id = tenants.tenant_id
                       AND memberships.paused_until <= coalesce(clocks.held_at, $1) AND memberships.status = 'paused')
               OR EXISTS (SELECT FROM memberships WHERE memberships.tenant_id = tenants.tenant_id
                          AND memberships.trial_notice_at <= coalesce(clocks.held_at, $1))
               OR EXISTS (SELECT FROM memberships WHERE memberships.tenant_id = tenants.tenant_id
                          AND memberships.status = 'incomplete' AND memberships.billing = 'provider'
                          AND memberships.subscription_id IS NULL
                          AND memberships.created_at <= coalesce(clocks.held_at, $1) - interval '1 day')""",
    ),
    Scheduled(
        job="rewards.summarise",
        cron="* * * * *",
        due="""EXISTS (SELECT FROM coin_days WHERE coin_days.tenant_id = tenants.tenant_id
                       AND coin_days.due_at <= coalesce(clocks.held_at, $1))""",
    ),
    Scheduled(
        job="ledger.seal",
        cron="* * * * *",
        due="""$1::timestamptz IS NOT NULL AND EXISTS (
                   SELECT FROM entries WHERE entries.tenant_id = tenants.tenant_id AND entries.id > coalesce(
                       (SELECT seals.sealed_to FROM seals WHERE seals.tenant_id = tenants.tenant_id
                        ORDER BY seals.number DESC LIMIT 1),
                       '00000000-0000-0000-0000-000000000000'))""",
    ),
)
