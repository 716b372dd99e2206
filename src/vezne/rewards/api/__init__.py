"""The API of coins, rewards and vouchers."""

from vezne.rewards.api import coins, rewards, rules, streaks, summaries, vouchers

ROUTERS = (rules.api, streaks.api, rewards.api, coins.api, vouchers.api, summaries.api)
