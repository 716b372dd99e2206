"""The console's pages."""

from vezne.console.api import account, checkin, door, orders, overview, payments, payouts, reservations, settlements, staff

ROUTERS = (
    overview.api,
    door.api,
    account.api,
    orders.api,
    reservations.api,
    checkin.api,
    payments.api,
    settlements.api,
    payouts.api,
    staff.api,
)

__all__ = ["ROUTERS"]
