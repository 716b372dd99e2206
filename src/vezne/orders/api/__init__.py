"""Orders over HTTP. Nothing here talks to a provider, except where documented tickets are ordered, outside any transaction."""

from vezne.orders.api.credit_packs import credit_packs_api
from vezne.orders.api.memberships import changes_api, subscribing_api
from vezne.orders.api.orders import api as orders_api
from vezne.orders.api.promo_codes import promo_codes_api
from vezne.orders.api.quotes import quotes_api
from vezne.orders.api.receipts import receipts_api
from vezne.orders.api.refunds import api as refunds_api
from vezne.orders.api.ticket_orders import placing_api, tickets_api
from vezne.orders.api.top_ups import top_ups_api
from vezne.orders.api.unmatched import unmatched_api

ROUTERS = (
    orders_api,
    quotes_api,
    promo_codes_api,
    refunds_api,
    receipts_api,
    top_ups_api,
    unmatched_api,
    placing_api,
    tickets_api,
    credit_packs_api,
    subscribing_api,
    changes_api,
)

__all__ = ["ROUTERS"]
