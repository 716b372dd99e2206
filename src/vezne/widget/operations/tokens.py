"""The widget's tokens: given for a publishable key, good for an hour, for one tenant and for nothing but the widget.

A token's life is measured in real time, never by a test tenant's held clock, as a key's is.
"""

import secrets
from uuid import UUID

import jwt

from vezne import identity
from vezne.kernel import clock
from vezne.kernel.db import Tx
from vezne.kernel.errors import NotFound
from vezne.kernel.vault import Vault
from vezne.widget.models import TOKEN_LIFE, Token, WidgetTokenInvalid

ALGORITHM, AUDIENCE, ISSUER, PURPOSE = "HS256", "widget", "vezne", "widget"
_LONGEST = 2000


def issue(vault: Vault, *, tenant_id: int, key_id: UUID, livemode: bool) -> str:
    """A token for whoever showed the publishable key. Each call makes another."""
    now = clock.real_now()
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + TOKEN_LIFE,
        "jti": secrets.token_urlsafe(16),
        "tenant": tenant_id,
        "key": key_id.hex,
        "live": livemode,
    }
    return jwt.encode(claims, vault.key(PURPOSE), ALGORITHM)


def read(vault: Vault, text: str) -> Token:
    """What a token says, once its signature and its time are believed. Raises WidgetTokenInvalid."""
    for key in vault.keys(PURPOSE):
        try:
            claims = jwt.decode(
                text[:_LONGEST],
                key,
                [ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={"require": ["exp", "iat", "jti", "tenant", "key", "live"]},
            )
        except jwt.InvalidTokenError:
            continue
        return Token(tenant_id=claims["tenant"], key_id=UUID(claims["key"]), number=claims["jti"], livemode=claims["live"])
    raise WidgetTokenInvalid


async def check_key(tx: Tx, token: Token) -> None:
    """The key behind a token is still good: one that was revoked ends its tokens. Raises WidgetTokenInvalid."""
    try:
        key = await identity.key_of(tx, token.key_id)
    except NotFound:
        raise WidgetTokenInvalid from None
    if not key.stands(clock.real_now()):
        raise WidgetTokenInvalid
