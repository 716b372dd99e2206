"""Customers' tokens: a tenant's server gives its customer's browser or app one, good for minutes, for that customer's own things.

An endpoint lets them in by `requires("wallets.read", own="own.read")` (kernel.http) and asks here whom it answers for. A token's
life is measured in real time, as a key's is; it ends with the key it was made with.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import jwt

from vezne.identity.events import CustomerTokenGiven
from vezne.identity.models import CustomerNeeded, CustomerNotFound, CustomerToken, CustomerTokenInvalid
from vezne.identity.operations.customers import customer
from vezne.identity.permissions import CUSTOMER
from vezne.kernel import clock
from vezne.kernel.db import Tx
from vezne.kernel.ids import public_id
from vezne.kernel.principal import Principal
from vezne.kernel.vault import Vault

PREFIX = "vz_ct_"
_ALGORITHM, _AUDIENCE, _ISSUER, _PURPOSE = "HS256", "customer", "vezne", "customer tokens"
_LONGEST = 2000
_REQUIRED = ["exp", "iat", "jti", "tenant", "customer", "key", "live"]


@dataclass(frozen=True, slots=True)
class TokenSays:
    """What a token says, believed: who its holder is, and which key answers for it (None: no key made it)."""

    principal: Principal
    key_id: UUID | None
    expires_at: datetime


async def give_token(tx: Tx, customer_id: UUID, *, life: timedelta) -> CustomerToken:
    """A token for this customer. Each call makes another. Raises CustomerNotFound."""
    await customer(tx, customer_id)
    now = clock.real_now().replace(microsecond=0)
    key_id = tx.principal.key_id
    claims = {
        "iss": _ISSUER,
        "aud": _AUDIENCE,
        "iat": now,
        "exp": now + life,
        "jti": secrets.token_urlsafe(16),
        "tenant": tx.tenant_id,
        "customer": customer_id.hex,
        "key": "" if key_id is None else key_id.hex,
        "live": tx.principal.livemode,
    }
    await tx.publish(CustomerTokenGiven(customer_id=customer_id, expires_at=now + life))
    return CustomerToken(customer_id, now + life, PREFIX + jwt.encode(claims, tx.vault.key(_PURPOSE), _ALGORITHM))


def read_token(vault: Vault, text: str) -> TokenSays:
    """What a token says, once its signature and its time are believed. Raises CustomerTokenInvalid."""
    for key in vault.keys(_PURPOSE):
        try:
            claims = jwt.decode(
                text.removeprefix(PREFIX)[:_LONGEST],
                key,
                [_ALGORITHM],
                audience=_AUDIENCE,
                issuer=_ISSUER,
                options={"require": _REQUIRED},
            )
        except jwt.InvalidTokenError:
            continue
        customer_id = UUID(claims["customer"])
        actor = f"customer:{public_id('cus', customer_id)}"
        until = datetime.fromtimestamp(claims["exp"], clock.real_now().tzinfo)
        return TokenSays(
            Principal(claims["tenant"], actor, "customer", CUSTOMER, claims["live"], customer_id=customer_id, expires_at=until),
            UUID(claims["key"]) if claims["key"] else None,
            until,
        )
    raise CustomerTokenInvalid


def acting_for(tx: Tx, asked: UUID | None, *, loc: tuple[str | int, ...] = ("query", "customer_id")) -> UUID:
    """Whom a request is for: a customer's token for its own customer, an API key for the one that is asked for.

    Raises CustomerNotFound when a token asks for another, CustomerNeeded when a key asks for none.
    """
    whose = seen_by(tx, asked)
    if whose is None:
        raise CustomerNeeded(loc=loc)
    return whose


def seen_by(tx: Tx, asked: UUID | None) -> UUID | None:
    """Whose things a list shows: a customer's token its own, an API key those of the one asked for, or (None) everybody's.

    Raises CustomerNotFound when a token asks for another.
    """
    own = tx.principal.customer_id
    if own is not None and asked not in {None, own}:
        raise CustomerNotFound(customer_id=public_id("cus", asked))
    return asked if own is None else own
