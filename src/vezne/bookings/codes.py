"""The text in a ticket's QR code: a JWT signed with Ed25519, which anybody can verify offline with the deployment's public keys.

It says which ticket of which resource and tenant, in which version, and until when it is good; nothing of a person.
"""

import hashlib
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from vezne.bookings.models import Resource, Ticket
from vezne.bookings.refusals import CodeNotOurs
from vezne.kernel.errors import Refusal
from vezne.kernel.ids import parse_id, public_id
from vezne.kernel.vault import Vault

PURPOSE = "tickets"
ALGORITHM = "EdDSA"
LONGEST_CODE = 1000
_TYPE = "vzt+jwt"


@dataclass(frozen=True, slots=True)
class CodeText:
    """What a code says."""

    tenant_id: int
    ticket_id: UUID
    resource_id: UUID
    version: int


def write_code(vault: Vault, tenant_id: int, ticket: Ticket, resource: Resource) -> str:
    """The code of a ticket; the same ticket in the same version has always the same one."""
    key = vault.signing_keys(PURPOSE)[0]
    claims: dict[str, Any] = {
        "ten": tenant_id,
        "sub": public_id("tkt", ticket.id),
        "rsc": public_id("rsc", resource.id),
        "ver": ticket.version,
        "nbf": _seconds(ticket.created_at),
    }
    if resource.good_until is not None:
        claims["exp"] = max(_seconds(resource.good_until), claims["nbf"])
    return jwt.encode(claims, key, ALGORITHM, headers={"kid": _key_id(key.public_key()), "typ": _TYPE})


def read_code(vault: Vault, code: str) -> CodeText:
    """What a code says that one of our keys has signed, whatever its time. Raises CodeNotOurs."""
    for key in vault.signing_keys(PURPOSE):
        try:
            claims = jwt.decode(code, key.public_key(), [ALGORITHM], options=_ONLY_THE_SIGNATURE)  # its time is judged by tx.now
            return CodeText(
                int(claims["ten"]), parse_id("tkt", claims["sub"]), parse_id("rsc", claims["rsc"]), int(claims["ver"])
            )
        except (jwt.InvalidTokenError, KeyError, TypeError, ValueError, Refusal):
            continue
    raise CodeNotOurs(loc=("body", "code"))


def public_keys(vault: Vault) -> dict[str, list[dict[str, str]]]:
    """The keys that verify codes, as a JSON Web Key Set (RFC 7517, RFC 8037), the signing one first."""
    keys = []
    for private in vault.signing_keys(PURPOSE):
        public = private.public_key()
        keys.append(
            {"kty": "OKP", "crv": "Ed25519", "x": _base64(_raw(public)), "kid": _key_id(public), "use": "sig", "alg": ALGORITHM}
        )
    return {"keys": keys}


_ONLY_THE_SIGNATURE: Any = {
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_sub": False,
}


def _seconds(at: datetime) -> int:
    return int(at.timestamp())


def _raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def _key_id(key: Ed25519PublicKey) -> str:
    return _base64(hashlib.sha256(_raw(key)).digest()[:6])


def _base64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
