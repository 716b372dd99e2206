"""Wallets over HTTP."""

from vezne.wallets.api import holds, moves, transactions, wallets
from vezne.wallets.api.credits import api as credits_api

FAST = moves.FAST
ROUTERS = (moves.hot, moves.large, wallets.api, holds.api, transactions.api, credits_api)
