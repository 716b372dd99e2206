"""Wallets: what customers have with us. Money, credits, coins and gift cards; lots, holds, limits, refunds.

A wallet's balance is that of its ledger account; this slice says which lots it is made of and what may be done with it.
"""

from vezne.wallets.events import (
    HoldCaptured,
    HoldExpired,
    HoldPlaced,
    HoldReleased,
    LotExpired,
    WalletClosed,
    WalletCredited,
    WalletDebited,
    WalletFrozen,
    WalletLimited,
    WalletLow,
    WalletOpened,
    WalletRefunded,
    WalletReopened,
    WalletTransferred,
    WalletUnfrozen,
)
from vezne.wallets.kinds import KINDS, Kind, KindName, LotType
from vezne.wallets.models import (
    Credit,
    Debit,
    Holdings,
    Limits,
    LotSpec,
    Move,
    Moved,
    Reference,
    Transfer,
    Wallet,
    WalletHold,
    WalletTransaction,
)
from vezne.wallets.operations.audit import audit
from vezne.wallets.operations.expiry import expire_lots
from vezne.wallets.operations.grants import Grant, grant_many
from vezne.wallets.operations.history import history, transaction
from vezne.wallets.operations.holds import capture, expire_holds, hold, hold_of, release
from vezne.wallets.operations.moves import credit, debit, move, transfer
from vezne.wallets.operations.refunds import refund
from vezne.wallets.operations.wallets import (
    balance_at,
    close,
    freeze,
    holdings,
    limit,
    reopen,
    wallet,
    wallet_of,
    wallets_of,
)
from vezne.wallets.refusals import InsufficientFunds, WalletMissing

__all__ = [
    "KINDS",
    "Credit",
    "Debit",
    "Grant",
    "HoldCaptured",
    "HoldExpired",
    "HoldPlaced",
    "HoldReleased",
    "Holdings",
    "InsufficientFunds",
    "Kind",
    "KindName",
    "Limits",
    "LotExpired",
    "LotSpec",
    "LotType",
    "Move",
    "Moved",
    "Reference",
    "Transfer",
    "Wallet",
    "WalletClosed",
    "WalletCredited",
    "WalletDebited",
    "WalletFrozen",
    "WalletHold",
    "WalletLimited",
    "WalletLow",
    "WalletMissing",
    "WalletOpened",
    "WalletRefunded",
    "WalletReopened",
    "WalletTransaction",
    "WalletTransferred",
    "WalletUnfrozen",
    "audit",
    "balance_at",
    "capture",
    "close",
    "credit",
    "debit",
    "expire_holds",
    "expire_lots",
    "freeze",
    "grant_many",
    "history",
    "hold",
    "hold_of",
    "holdings",
    "limit",
    "move",
    "refund",
    "release",
    "reopen",
    "transaction",
    "transfer",
    "wallet",
    "wallet_of",
    "wallets_of",
]
