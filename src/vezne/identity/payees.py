"""Payees: whoever is owed a share of what is sold, and where their money is sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from babel import Locale
from schwifty import BIC, IBAN
from schwifty.exceptions import SchwiftyException

from vezne.kernel.errors import Conflict, Forbidden, Invalid, NotFound

OWN = "own"
"""The reference of the payee that is the tenant itself."""

_NO_COUNTRIES = {"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"}  # CLDR's regions of two letters that are no country
_REGIONS = [str(code) for code in Locale("en").territories]
_COUNTRIES = {code for code in _REGIONS if len(code) == 2 and code.isalpha()} - _NO_COUNTRIES  # noqa: PLR2004


class PayeeUnknown(NotFound):
    """There is no payee {payee_id}."""


class IbanInvalid(Invalid):
    """This is no IBAN: {reason}."""


class BicInvalid(Invalid):
    """This is no BIC: {reason}."""


class CountryUnknown(Invalid):
    """A country is given by its two capital letters (ISO 3166-1), such as TR."""


class PayeeInactive(Conflict):
    """Payee {payee_id} is not active: nothing new is sold for it."""


class PayeesForPlatformOnly(Forbidden):
    """Whoever acts for one payee makes no others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payee:
    """Whoever is owed a share; `reference` is the tenant's own name for them. The IBAN itself is kept sealed."""

    id: UUID
    name: str
    reference: str | None
    email: str | None
    country: str | None
    locale: str | None
    account_holder: str | None
    iban_last4: str | None
    bic: str | None
    active: bool
    metadata: Mapping[str, str]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SealedIban:
    """An IBAN unreadable without the deployment's master key, and the four characters by which a person knows it."""

    sealed: bytes
    last4: str


def read_iban(text: str) -> str:
    """The IBAN in `text` without its gaps. Raises IbanInvalid: length, form and check digits are those of its country."""
    try:
        return str(IBAN(text, validate_bban=True))
    except SchwiftyException as wrong:
        raise IbanInvalid(reason=_reason(wrong), loc=("body", "iban")) from None


def read_bic(text: str) -> str:
    """The BIC in `text`, in capitals. Raises BicInvalid."""
    try:
        return str(BIC(text))
    except SchwiftyException as wrong:
        raise BicInvalid(reason=_reason(wrong), loc=("body", "bic")) from None


def refuse_unknown_country(code: str) -> None:
    """Raise CountryUnknown unless there is a country of this code."""
    if code not in _COUNTRIES:
        raise CountryUnknown(loc=("body", "country"))


def _reason(wrong: SchwiftyException) -> str:
    """What the library found, without what it was given: a bank account is not repeated in answers and logs."""
    words = type(wrong).__name__.removeprefix("Invalid")
    return {
        "ChecksumDigits": "its check digits do not fit",
        "BBANChecksum": "the check digits of the account do not fit",
        "CountryCode": "it begins with no known country",
        "Length": "it is too short or too long",
        "Structure": "it is not made as those of its country are",
        "BankCode": "its bank is not known",
        "AccountCode": "its account number is not valid",
        "BranchCode": "its branch is not known",
    }.get(words, "it is not valid")
