"""The API of coins, rewards and vouchers."""

from vezne.rewards.api import coins, rewards, rules, streaks

ROUTERS = (rules.api, streaks.api, rewards.api, coins.api)
