"""The count of coins issued, for /metrics: told once they are committed."""

from vezne.kernel.telemetry import COINS_ISSUED


async def count_coins(reason: str, amount_minor: int) -> None:
    """Count coins that customers were given."""
    COINS_ISSUED.labels(reason).inc(amount_minor)
