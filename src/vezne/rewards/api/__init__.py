"""The API of coins, rewards and vouchers."""

from vezne.rewards.api import coins, rewards, rules

ROUTERS = (rules.api, rewards.api, coins.api)
