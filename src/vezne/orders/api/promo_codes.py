"""What promo codes would do for a basket: asked before anybody orders. Nothing is reserved."""

from typing import Annotated

from pydantic import BaseModel, Field
from starlette.requests import Request

from vezne import identity, promos
from vezne.kernel.db import Tx
from vezne.kernel.errors import Invalid
from vezne.kernel.http import RequestModel, TxDep, refusals, requires, router
from vezne.kernel.money import AmountOutOfRange, Currency
from vezne.orders.api.orders import BOOKING, PRICING, PROMOS, TENDERING, refuse_for_others
from vezne.orders.api.quotes import QuotedLine, QuoteOut, shown_line, shown_quote
from vezne.orders.api.schemas import CustomerId, PromoCodes, PromoUseOut, shown_use
from vezne.orders.asked import AskedTender
from vezne.orders.lines import AskedLine
from vezne.orders.operations import placing, quoting
from vezne.orders.operations.placing import Wanted
from vezne.payments import Gateways

promo_codes_api = router("/v1/promo-codes", "Promo codes")


class BasketOrQuote(Invalid):
    """Say what is bought and for whom, or name a quote of it, and not both."""


class ValidateIn(RequestModel):
    """A basket, and the codes to try on it."""

    customer_id: CustomerId | None = Field(None, description="who buys; a customer's token asks for its own customer")
    lines: list[AskedLine] = Field(min_length=1, max_length=50)
    currency: Currency | None = Field(None, description="in which of their prices things are bought; default: the tenant's")
    promo_codes: Annotated[PromoCodes, Field(min_length=1)]


class ApplyIn(RequestModel):
    """A basket or a quote of one, and the codes to take for it."""

    customer_id: CustomerId | None = Field(None, description="who buys; a customer's token asks for its own customer")
    lines: list[AskedLine] = Field(default_factory=list, max_length=50)
    quote: Annotated[str, Field(max_length=20_000)] | None = Field(
        None, description="a `quote` that was given before, in place of what it says; it is quoted anew with these codes alone"
    )
    currency: Currency | None = Field(None, description="in which of their prices things are bought; default: the tenant's")
    tenders: list[AskedTender] = Field(default_factory=list, max_length=10)
    promo_codes: Annotated[PromoCodes, Field(min_length=1)]


class ValidatedOut(BaseModel):
    """What the codes would take off, and what would be left to pay. Amounts are whole minor units of `currency`."""

    valid: bool
    currency: str
    price_minor: int
    discount_minor: int
    fee_minor: int
    total_minor: int
    bonus_credits: int
    trial_days: int
    lines: list[QuotedLine]
    promo_codes: list[PromoUseOut]


@promo_codes_api.post(
    "/validate",
    dependencies=[requires("orders.write", own="own.write")],
    responses=refusals(AmountOutOfRange, *PRICING, *BOOKING, *PROMOS, identity.CustomerNeeded),
)
async def validate_promo_codes(tx: TxDep, asked: ValidateIn) -> ValidatedOut:
    """What these codes would do for this basket, or `PAY003` with the reason as the `type` of the error.

    Nothing is reserved: another may have the last use meanwhile. Whoever tries many codes that are none is made to wait.
    """
    refuse_for_others(tx, asked.lines)
    wanted = Wanted(
        customer_id=identity.acting_for(tx, asked.customer_id, loc=("body", "customer_id")),
        asked=asked.lines,
        currency=asked.currency,
        promo_codes=asked.promo_codes,
    )
    return _shown(wanted, await placing.draft(tx, wanted))


def _shown(wanted: Wanted, drafted: placing.Draft) -> ValidatedOut:
    applied = drafted.applied
    uses: tuple[promos.Use, ...] = () if applied is None else applied.uses
    lines = [shown_line(line.kind, price) for line, price in zip(wanted.asked, drafted.priced, strict=True)]
    return ValidatedOut(
        valid=True,
        currency=drafted.total.currency,
        price_minor=sum(line.price_minor for line in lines),
        discount_minor=sum(line.discount_minor for line in lines),
        fee_minor=sum(line.fee_minor for line in lines),
        total_minor=drafted.total.minor,
        bonus_credits=0 if applied is None else applied.bonus_credits,
        trial_days=0 if applied is None else applied.trial_days,
        lines=lines,
        promo_codes=[shown_use(use) for use in uses],
    )


@promo_codes_api.post(
    "/apply",
    status_code=201,
    dependencies=[requires("orders.write", own="own.write")],
    responses=refusals(
        AmountOutOfRange,
        *PRICING,
        *BOOKING,
        *TENDERING,
        *PROMOS,
        identity.CustomerNeeded,
        placing.NothingOrdered,
        quoting.QuoteInvalid,
        BasketOrQuote,
    ),
)
async def apply_promo_codes(tx: TxDep, request: Request, asked: ApplyIn) -> QuoteOut:
    """Take these codes for a basket: a signed quote with their discount, which POST /v1/orders places within its time.

    The uses are reserved when it is placed. What would be posted is shown to keys alone, not to a customer's token.
    """
    gateways: Gateways = request.app.state.gateways
    shown = shown_quote(await quoting.quote(tx, _wanted(tx, asked, gateways)))
    return shown if tx.principal.customer_id is None else shown.model_copy(update={"postings": []})


def _wanted(tx: Tx, asked: ApplyIn, gateways: Gateways) -> Wanted:
    if asked.quote is not None:
        for name in ("customer_id", "lines", "currency", "tenders"):
            if getattr(asked, name):
                raise BasketOrQuote(loc=("body", name))
        return quoting.quoted(tx, asked.quote, asked.promo_codes, expires_after=gateways.session_ttl)
    refuse_for_others(tx, asked.lines)
    return Wanted(
        customer_id=identity.acting_for(tx, asked.customer_id, loc=("body", "customer_id")),
        asked=asked.lines,
        currency=asked.currency,
        tenders=asked.tenders,
        expires_after=gateways.session_ttl,
        promo_codes=asked.promo_codes,
    )
