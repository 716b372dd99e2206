"""Daily summaries over HTTP. Amounts are whole coins."""

from datetime import date, datetime
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from vezne.kernel.http import TxDep, refusals, requires, router
from vezne.kernel.money import Currency, CurrencyUnknown, exponent
from vezne.kernel.paging import CursorUnknown, Page, PageParams, page_of
from vezne.rewards.api.fields import Day
from vezne.rewards.models.summaries import Summary
from vezne.rewards.operations import summarising

api = router("/v1", "Coins")


class SummaryFilters(PageParams):
    """Which days are asked for."""

    first: Day | None = Field(None, alias="from", description="this day or later")
    last: Day | None = Field(None, alias="to", description="this day or earlier")
    currency: Currency | None = None

    def place(self) -> tuple[date, str] | None:
        """The cursor's day and currency. Raises CursorUnknown."""
        position = self.position()
        if position is None:
            return None
        day, _, currency = position.partition("/")
        try:
            exponent(currency)
            return date.fromisoformat(day), currency
        except (ValueError, CurrencyUnknown):
            raise CursorUnknown(loc=("query", "after")) from None


class CoinSummaryOut(BaseModel):
    """What became of all customers' coins on a day of your zone: how often, and how many coins; none is negative."""

    day: date
    currency: str
    begins_at: datetime
    ends_at: datetime
    opening_minor: int = Field(description="what all wallets together held when the day began")
    granted: int
    granted_minor: int
    clawed_back: int
    clawed_back_minor: int
    adjusted_up: int
    adjusted_up_minor: int
    adjusted_down: int
    adjusted_down_minor: int
    redeemed: int = Field(description="spent freely or on vouchers")
    redeemed_minor: int
    returned: int = Field(description="vouchers that were cancelled")
    returned_minor: int
    expired: int
    expired_minor: int
    other_in: int = Field(description="by the wallets' own API, or back from refunded orders")
    other_in_minor: int
    other_out: int = Field(description="by the wallets' own API, or for orders")
    other_out_minor: int
    balance_minor: int = Field(description="what all wallets together held when it ended, by the ledger's running balances")
    difference_minor: int = Field(description="what the sums say less what the ledger says: 0, or something is wrong")
    created_at: datetime


@api.get("/coin-summaries", dependencies=[requires("rewards.read")], responses=refusals(CursorUnknown))
async def get_coin_summaries(tx: TxDep, asked: Annotated[SummaryFilters, Query()]) -> Page[CoinSummaryOut]:
    """Days that are over, the newest first; each is summarised once, soon after midnight of your zone."""
    found = await summarising.summaries_page(
        tx, first=asked.first, last=asked.last, currency=asked.currency, before=asked.place(), limit=asked.limit + 1
    )
    return page_of(found, asked, _summary, lambda each: f"{each.day.isoformat()}/{each.currency}")


def _summary(summary: Summary) -> CoinSummaryOut:
    return CoinSummaryOut(**{name: getattr(summary, name) for name in CoinSummaryOut.model_fields})
