"""Identity: tenants and their settings, API keys, customers, and the log of who did what."""

from vezne.identity.models import (
    ApiKey,
    Customer,
    CustomerNotFound,
    KeyKind,
    KeyMissing,
    KeyText,
    KeyUnknown,
    RealMoneyInTest,
    SlugMalformed,
    SlugTaken,
    Tenant,
    TenantNotFound,
    TenantSettings,
    TooManyRequests,
)
from vezne.identity.operations.auditing import audit
from vezne.identity.operations.authenticating import Authenticator
from vezne.identity.operations.customers import create_customer, customer, customers_by_reference
from vezne.identity.operations.keys import create_key, key_of, list_keys, revoke_key, rotate_key
from vezne.identity.operations.tenants import (
    change_tenant,
    create_tenant,
    find_tenant,
    find_tenant_by_id,
    list_tenants,
    livemode_of,
    settings_of,
    tenant_of,
)
from vezne.identity.permissions import PERMISSIONS, ROLES

__all__ = [
    "PERMISSIONS",
    "ROLES",
    "ApiKey",
    "Authenticator",
    "Customer",
    "CustomerNotFound",
    "KeyKind",
    "KeyMissing",
    "KeyText",
    "KeyUnknown",
    "RealMoneyInTest",
    "SlugMalformed",
    "SlugTaken",
    "Tenant",
    "TenantNotFound",
    "TenantSettings",
    "TooManyRequests",
    "audit",
    "change_tenant",
    "create_customer",
    "create_key",
    "create_tenant",
    "customer",
    "customers_by_reference",
    "find_tenant",
    "find_tenant_by_id",
    "key_of",
    "list_keys",
    "list_tenants",
    "livemode_of",
    "revoke_key",
    "rotate_key",
    "settings_of",
    "tenant_of",
]
