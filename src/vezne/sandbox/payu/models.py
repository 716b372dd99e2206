"""A transaction at PayU and what was given back of it, as plain values, and the moves that are legal. Amounts in paise."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Self

from vezne.sandbox.cards import Card
from vezne.sandbox.payu.cards import masked
from vezne.sandbox.refusals import Refused

_AMOUNT = re.compile(r"[0-9]{1,13}(\.[0-9]{1,2})?", re.ASCII)


def paise_of(amount: str) -> int | None:
    """A posted amount, such as `10` or `10.00`; None when it is none or nothing."""
    return int(Decimal(amount) * 100) or None if _AMOUNT.fullmatch(amount) else None


def rupees(paise: int) -> str:
    """An amount as PayU answers it: two decimals, whatever was posted."""
    return f"{paise // 100}.{paise % 100:02}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """What a customer's browser brought to PayU's page, and what became of it."""

    mihpayid: str
    txnid: str
    page: str
    """The secret part of its page's address."""
    posted: Mapping[str, str]
    paise: int
    status: str = "pending"
    unmappedstatus: str = "initiated"
    failure_code: str | None = None
    card_masked: str | None = None
    card_brand: str | None = None
    bank_ref_num: str | None = None
    refunded_paise: int = 0
    refunding_paise: int = 0
    created_at: str

    @property
    def is_open(self) -> bool:
        """Whether its customer may still pay."""
        return self.unmappedstatus == "initiated"

    @property
    def refundable_paise(self) -> int:
        """What is captured and neither given back nor on its way."""
        return self.paise - self.refunded_paise - self.refunding_paise if self.unmappedstatus == "captured" else 0

    def to(self, status: str, unmapped: str, failure_code: str | None = None) -> Self:
        """The transaction in another state."""
        return replace(self, status=status, unmappedstatus=unmapped, failure_code=failure_code)

    def pay(self, card: Card, bank_ref_num: str, *, hold: bool = False) -> Self:
        """What the card does. `hold`: the account only authorises."""
        if not self.is_open:
            raise Refused(409, "invalid_state", f"Transaction {self.txnid} is {self.unmappedstatus} and takes no card.")
        used = replace(self, card_masked=masked(card.number), card_brand=card.brand, bank_ref_num=bank_ref_num)
        if card.failure_code is not None:
            return used.to("failure", "failed", card.failure_code)
        if card.delayed:
            return used.to("pending", "pending")
        return used.to("success", "auth" if hold else "captured")

    def cancel(self) -> Self:
        """Its customer pressed "cancel"."""
        return self.to("failure", "userCancelled", "user_cancelled") if self.is_open else self

    def abandon(self) -> Self:
        """Its customer left without a word, and the time is over."""
        return self.to("failure", "bounced", "left") if self.is_open else self

    def finish(self) -> Self:
        """Money that was on its way has come."""
        return self.to("success", "captured") if self.unmappedstatus in {"pending", "auth"} else self

    def begin_refund(self, paise: int) -> Self:
        """Set an amount aside to be given back."""
        return replace(self, refunding_paise=self.refunding_paise + paise)

    def end_refund(self, paise: int, *, succeeded: bool) -> Self:
        """What was set aside has gone back, or could not."""
        refunded = self.refunded_paise + (paise if succeeded else 0)
        return replace(self, refunding_paise=self.refunding_paise - paise, refunded_paise=refunded)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Money on its way back, or back."""

    request_id: str
    mihpayid: str
    token: str
    paise: int
    status: str = "queued"
    created_at: str
