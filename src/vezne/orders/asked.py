"""What a buyer says of how an order is to be paid."""

from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from vezne.kernel.ids import PublicId
from vezne.kernel.money import AmountMinor

WalletId = Annotated[UUID, PublicId("wal")]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class WalletTender(_Asked):
    """Money, credits or a gift card in a wallet of the order's currency."""

    kind: Literal["wallet"] = "wallet"
    wallet_id: WalletId | None = Field(None, description="the wallet; without it the customer's own of the order's currency")
    amount_minor: AmountMinor | None = Field(None, description="what it pays; without it all that is left to pay")


class CoinsTender(_Asked):
    """Coins, at the value the tenant has given them."""

    kind: Literal["coins"] = "coins"
    wallet_id: WalletId = Field(description="the wallet of coins")
    coins: AmountMinor | None = Field(None, description="how many; without it as many whole coins as there is left to pay")


class ProviderTender(_Asked):
    """Whatever is left is paid through a provider; nobody needs to say so, unless to name which."""

    kind: Literal["provider"] = "provider"
    provider: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,31}$")] | None = None


AskedTender = Annotated[WalletTender | CoinsTender | ProviderTender, Field(discriminator="kind")]
Tenders = Sequence[WalletTender | CoinsTender | ProviderTender]
