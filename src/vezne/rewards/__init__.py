"""Rewards: coins for what customers do, the rules and limits of them, and what customers spend their coins on.

A reward is given once for its customer, type and reference, and taken back when what it was given for is refunded. Whoever gives
or takes a customer's coins here locks that customer's row first; balances are the ledger's.
"""

from vezne.rewards.events import (
    RedemptionCancelled,
    RewardCapped,
    RewardClawedBack,
    RewardGranted,
    RewardLowered,
    RewardPending,
    RewardPostponed,
    RewardRevoked,
    RuleChanged,
    RuleCreated,
    TenantCoinsBudgeted,
    VoucherChanged,
    VoucherCreated,
    VoucherRedeemed,
    VoucherStocked,
    WalletCoinsAdjusted,
    WalletCoinsRedeemed,
)
from vezne.rewards.models.rewards import Asked, ClawBack, CoinMove, Given, Purchase, Reward
from vezne.rewards.models.rules import Bonus, Budget, Rate, Rule, RuleTerms, Tier
from vezne.rewards.models.summaries import Summary
from vezne.rewards.models.vouchers import Redemption, Voucher, VoucherTerms
from vezne.rewards.operations.activating import activate_due
from vezne.rewards.operations.auditing import audit
from vezne.rewards.operations.clawing_back import claw_back, has_rewards, lower_purchase, take_back
from vezne.rewards.operations.moving import adjust, redeem
from vezne.rewards.operations.reading import Coins, coins_of, reward, rewards_page
from vezne.rewards.operations.redeeming import cancel_redemption, redeem_voucher
from vezne.rewards.operations.rewarding import reward_completion, reward_purchase, reward_referral
from vezne.rewards.operations.rules import change_rule, create_rule, rule_for, set_budget
from vezne.rewards.operations.streaks import record
from vezne.rewards.operations.summarising import on_wallet_opened, summaries_page
from vezne.rewards.operations.vouchers import add_stock, create_voucher, upload_codes

__all__ = [
    "Asked",
    "Bonus",
    "Budget",
    "ClawBack",
    "CoinMove",
    "Coins",
    "Given",
    "Purchase",
    "Rate",
    "Redemption",
    "RedemptionCancelled",
    "Reward",
    "RewardCapped",
    "RewardClawedBack",
    "RewardGranted",
    "RewardLowered",
    "RewardPending",
    "RewardPostponed",
    "RewardRevoked",
    "Rule",
    "RuleChanged",
    "RuleCreated",
    "RuleTerms",
    "Summary",
    "TenantCoinsBudgeted",
    "Tier",
    "Voucher",
    "VoucherChanged",
    "VoucherCreated",
    "VoucherRedeemed",
    "VoucherStocked",
    "VoucherTerms",
    "WalletCoinsAdjusted",
    "WalletCoinsRedeemed",
    "activate_due",
    "add_stock",
    "adjust",
    "audit",
    "cancel_redemption",
    "change_rule",
    "claw_back",
    "coins_of",
    "create_rule",
    "create_voucher",
    "has_rewards",
    "lower_purchase",
    "on_wallet_opened",
    "record",
    "redeem",
    "redeem_voucher",
    "reward",
    "reward_completion",
    "reward_purchase",
    "reward_referral",
    "rewards_page",
    "rule_for",
    "set_budget",
    "summaries_page",
    "take_back",
    "upload_codes",
]
