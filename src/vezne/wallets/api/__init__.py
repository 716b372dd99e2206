"""Wallets over HTTP."""

from vezne.wallets.api import holds, moves, transactions, wallets
from vezne.wallets.api.credits import api as credits_api
from vezne.wallets.api.live import api as live_api

FAST = moves.FAST
ROUTERS = (moves.hot, moves.large, wallets.api, holds.api, transactions.api, credits_api, live_api)
