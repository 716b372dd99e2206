"""The catalogue over HTTP: items with their prices, packs, fee rules with their versions."""

from vezne.catalog.api.fees import api as fee_api
from vezne.catalog.api.items import api as item_api
from vezne.catalog.api.packs import api as pack_api

ROUTERS = (item_api, fee_api, pack_api)

__all__ = ["ROUTERS"]
