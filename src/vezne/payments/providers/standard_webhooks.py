"""Reading webhooks that follow Standard Webhooks (https://www.standardwebhooks.com)."""

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from standardwebhooks import Webhook

from vezne.payments.providers.base import SignatureInvalid

TOLERANCE = timedelta(minutes=5)
"""How far a webhook's time may lie from ours, either way ("Verifying webhook authenticity")."""


class Notice(msgspec.Struct):
    """What a believed webhook says."""

    id: str
    type: str
    data: dict[str, Any]


def webhook_of(secret: str) -> Webhook:
    """What verifies by `secret`: `whsec_` and the base64 of the key, or any other text, which is the key itself.

    Raises ValueError when what follows `whsec_` is no base64.
    """
    return Webhook(secret if secret.startswith("whsec_") else secret.encode())


def read_notice(webhook: Webhook, raw: bytes, headers: Mapping[str, str], now: datetime) -> Notice:
    """What a webhook says, once its signature over these bytes and its time are believed.

    Raises SignatureInvalid.
    """
    event_id = headers.get("webhook-id", "")
    _verify(webhook, raw, event_id, headers.get("webhook-timestamp", ""), headers.get("webhook-signature", ""), now)
    try:
        notice = msgspec.json.decode(raw, type=Notice)
    except msgspec.DecodeError as error:
        raise SignatureInvalid(reason="its content is no event") from error
    if event_id != notice.id:
        raise SignatureInvalid(reason="its header and its content name different events")
    return notice


def _verify(webhook: Webhook, raw: bytes, event_id: str, timestamp: str, signatures: str, now: datetime) -> None:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 11):  # noqa: PLR2004 - until the year 5138
        raise SignatureInvalid(reason="its timestamp is missing or no number")
    at = datetime.fromtimestamp(int(timestamp), UTC)
    if abs(now - at) > TOLERANCE:
        raise SignatureInvalid(reason="its timestamp is too far from the present time")
    try:
        # The library's own `verify` asks the machine's clock and raises ValueError on a part without a comma.
        expected = webhook.sign(event_id, at, raw.decode())
    except UnicodeDecodeError:
        raise SignatureInvalid(reason="its content is no text") from None
    offered = [part.encode() for part in signatures.split(" ")]
    if not any(hmac.compare_digest(expected.encode(), part) for part in offered):
        raise SignatureInvalid(reason="no signature matches")
