"""Wallets over HTTP."""

from vezne.wallets.api import holds, moves, transactions, wallets

FAST = moves.FAST
ROUTERS = (moves.hot, moves.large, wallets.api, holds.api, transactions.api)
