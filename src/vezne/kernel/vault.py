"""What only the deployment's master key can do: keep sensitive data unreadable at rest, and sign what comes back to us.

Every purpose has a key of its own, derived by HKDF-SHA256 (RFC 5869), so that what was made for one purpose is worth nothing
for another. Former master keys still read and verify; the first one writes and signs.
"""

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from vezne.kernel.settings import Settings


class SealBroken(RuntimeError):
    """What was kept unreadable cannot be read: the master key it was kept with is not among ours."""


@dataclass(frozen=True, slots=True)
class Vault:
    """The master keys of a deployment, the present one first."""

    masters: Sequence[bytes] = field(default_factory=lambda: (Fernet.generate_key(),), repr=False)
    """Without keys of the deployment: one made for this process, which no other can read."""

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """The deployment's keys; one of this process's own when the settings name none."""
        if settings.master_key is None:
            return cls()
        former = "" if settings.former_master_keys is None else settings.former_master_keys.get_secret_value()
        texts = [settings.master_key.get_secret_value(), *(text.strip() for text in former.split(",") if text.strip())]
        return cls(tuple(text.encode() for text in texts))

    def seal(self, plain: bytes) -> bytes:
        """`plain`, unreadable without the master key and not to be changed unnoticed (Fernet: AES-128-CBC, HMAC-SHA256)."""
        return self._fernet().encrypt(plain)

    def open(self, sealed: bytes) -> bytes:
        """What `seal` was given. Raises SealBroken."""
        try:
            return self._fernet().decrypt(sealed)
        except InvalidToken:
            raise SealBroken from None

    def key(self, purpose: str) -> bytes:
        """The 32 bytes that sign for `purpose`."""
        return self.keys(purpose)[0]

    def keys(self, purpose: str) -> list[bytes]:
        """The keys whose signatures for `purpose` are believed, the signing one first."""
        return [_derive(master, purpose) for master in self.masters]

    def signing_keys(self, purpose: str) -> list[Ed25519PrivateKey]:
        """Ed25519 keys for `purpose`, the signing one first; their public halves let others verify."""
        return [Ed25519PrivateKey.from_private_bytes(key) for key in self.keys(purpose)]

    def _fernet(self) -> MultiFernet:
        return MultiFernet([Fernet(urlsafe_b64encode(_derive(master, "seal"))) for master in self.masters])


def _derive(master: bytes, purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"vezne/{purpose}".encode()).derive(master)
