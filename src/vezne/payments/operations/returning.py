"""A customer's browser back from a provider that sends it with a signed form: what it brings is kept like a webhook."""

from collections.abc import Mapping

from vezne.kernel.db import Database
from vezne.kernel.errors import NotFound
from vezne.kernel.principal import Principal
from vezne.payments import queries, queries_webhooks
from vezne.payments.gateways import Gateways
from vezne.payments.operations import receiving, settling
from vezne.payments.operations.trying import try_now


class ReturnUnknown(NotFound):
    """There is no payment here that this answer belongs to."""


async def come_back(
    db: Database, gateways: Gateways, principal: Principal, provider: str, raw: bytes, headers: Mapping[str, str]
) -> str:
    """Keep what the browser brought, ask the provider what is true and act on it; where the customer goes on.

    A provider that gives no answer just now changes nothing for the customer, who sees a page that waits: a job asks again. An
    attempt that has ended is asked about too: its money may come late. Raises SignatureInvalid (it is kept, as forged, and
    nothing else happens), ReturnUnknown (it is kept, for the payment it may belong to).
    """
    webhook_id = await receiving.receive(db, gateways, principal, provider, raw, headers)
    async with db.transaction(principal, read_only=True) as tx:
        kept = await queries_webhooks.select_webhook(tx, webhook_id)
        ref = None if kept is None else kept.provider_ref
        attempt = None if ref is None else await queries.select_attempt_by_ref(tx, provider, ref)
    if attempt is None:
        raise ReturnUnknown
    await try_now(attempt.reference, settling.look_up(db, gateways, principal, attempt))
    return attempt.return_url
