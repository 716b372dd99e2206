"""Who acts: every transaction has one, and every event names it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from vezne.kernel.errors import Forbidden

Kind = Literal["key", "customer", "staff", "system", "provider", "public"]


class PermissionMissing(Forbidden):
    """This key may not do that: it lacks the permission {permission}."""


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated actor inside one tenant, with the permissions it has (`wallets.write`; `*` is all of them)."""

    tenant_id: int
    actor: str
    kind: Kind
    permissions: frozenset[str]
    livemode: bool = False
    key_id: UUID | None = None
    request_id: str | None = None
    payee_id: UUID | None = None
    """The one payee whose data it may see and act on; None: everybody's."""
    customer_id: UUID | None = None
    """The one customer whose own things it may see and act on; None: everybody's."""
    expires_at: datetime | None = None
    """When it is no longer believed, in real time: what lasts longer than a request ends then; None: whenever it is revoked."""

    @classmethod
    def system(cls, tenant_id: int, name: str, *, livemode: bool = False) -> Self:
        """Vezne itself: a job, a schedule, the command line. It may do everything inside the tenant."""
        return cls(tenant_id, f"system:{name}", "system", frozenset({"*"}), livemode)

    def may(self, permission: str) -> bool:
        """Whether `permission`, or all of them, was given."""
        return permission in self.permissions or "*" in self.permissions

    def demand(self, permission: str) -> None:
        """Raise PermissionMissing unless `permission` was given."""
        if not self.may(permission):
            raise PermissionMissing(permission=permission)

    def concerns(self, customer_id: UUID | None) -> bool:
        """Whether it may see and act on what belongs to this customer: a customer's token only on its own."""
        return self.customer_id is None or self.customer_id == customer_id
