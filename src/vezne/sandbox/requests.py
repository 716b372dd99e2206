"""The bodies the API takes, read strictly: unknown fields, floats for integers and doubled keys are refused by name."""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

from iso4217 import Currency as Iso4217
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from vezne.sandbox.loopback import loopback_url
from vezne.sandbox.refusals import Refused

MAX_MINOR = 2**53 - 1
LARGEST_BODY = 64 * 1024


def _currency(code: str) -> str:
    if code not in _CURRENCIES:
        raise ValueError("must be an ISO 4217 code of money, such as TRY")
    return code


_CURRENCIES = frozenset(currency.code for currency in Iso4217 if currency.exponent is not None)
AmountMinor = Annotated[int, Field(ge=1, le=MAX_MINOR)]
Currency = Annotated[str, AfterValidator(_currency)]
LoopbackUrl = Annotated[str, AfterValidator(loopback_url)]
Reference = Annotated[str, Field(pattern=r"^[!-~]{1,128}$")]


class Body(BaseModel):
    """A JSON object with these fields and no others, each of just this type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class NewPayment(Body):
    """A payment to be made. `expires_in` is in seconds."""

    merchant_reference: Reference
    amount_minor: AmountMinor
    currency: Currency
    return_url: LoopbackUrl
    webhook_url: LoopbackUrl | None = None
    capture: Literal["automatic", "manual"] = "automatic"
    locale: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}([_-][A-Za-z0-9]{2,8})*$", max_length=35)] = "en"
    description: Annotated[str, Field(max_length=200)] = ""
    expires_in: Annotated[int, Field(ge=1, le=86_400)] | None = None

    @property
    def facts(self) -> Mapping[str, object]:
        """What tells this request from another under the same reference."""
        return self.model_dump()


class NewCardPayment(NewPayment):
    """A payment to be made where cards are kept: `save_card` keeps the one it is paid with, for `customer`."""

    customer: Reference | None = None
    save_card: bool = False

    @property
    def facts(self) -> Mapping[str, object]:
        """As before cards were kept, where nothing is to be kept: a request from then is told again as the same."""
        return self.model_dump(exclude={"customer", "save_card"} if self.customer is None else None)


class NewCharge(Body):
    """A stored card to be charged while its customer is away."""

    merchant_reference: Reference
    amount_minor: AmountMinor
    currency: Currency
    method: Annotated[str, Field(pattern=r"^[!-~]{1,128}$")]
    customer: Reference | None = None
    webhook_url: LoopbackUrl | None = None
    capture: Literal["automatic", "manual"] = "automatic"
    description: Annotated[str, Field(max_length=200)] = ""


class Capture(Body):
    """How much to take; all when left out."""

    amount_minor: AmountMinor | None = None


class PlayMethod(Body):
    """The test card whose ways a stored card is to have."""

    card: Annotated[str, Field(pattern=r"^[0-9 -]{12,30}$")]


class NewRefund(Body):
    """How much to give back; all that is left when left out."""

    amount_minor: AmountMinor | None = None
    merchant_reference: Reference | None = None


class Nothing(Body):
    """An empty object."""


class Play(Body):
    """What the customer does on the hosted page."""

    card: Annotated[str, Field(pattern=r"^[0-9 -]{12,30}$")]
    three_ds: Literal["approve", "decline", "abandon"] = "approve"


B = TypeVar("B", bound=BaseModel)


def read_body(model: type[B], raw: bytes) -> B:
    """The body as `model`; Refused with 400 and the parameter's name when it is not one. An absent body is an empty object."""
    try:
        return model.model_validate(_read_json(raw) if raw else {})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        param = ".".join(str(step) for step in first["loc"] if isinstance(step, int) or step.isidentifier()) or None
        message = first["msg"].removeprefix("Value error, ")
        raise Refused(400, "invalid_parameter", f"{param or 'The body'}: {message}", param) from None


def _read_json(raw: bytes) -> object:
    try:
        value: object = json.loads(raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # a lone surrogate is no text and could not be stored
    except (ValueError, RecursionError) as error:
        raise Refused(400, "invalid_json", f"The body is not the JSON this API reads: {str(error)[:120]}") from None
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key occurs twice in one object")
    return value


def _no_constant(text: str) -> object:
    raise ValueError(f"{text} is not a number in JSON")


def fingerprint(*facts: str, body: Mapping[str, object]) -> str:
    """The same for the same facts and body, whatever the order and spacing of the body's fields."""
    text = json.dumps([facts, body], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
