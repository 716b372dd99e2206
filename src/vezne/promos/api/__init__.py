"""Promotions and their codes over HTTP. What they do for a basket is asked of the orders."""

from vezne.promos.api.codes import api as codes_api
from vezne.promos.api.codes import redemptions_api
from vezne.promos.api.promotions import api as promotions_api

ROUTERS = (promotions_api, codes_api, redemptions_api)

__all__ = ["ROUTERS"]
