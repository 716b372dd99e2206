"""What is carried: one try of one delivery, and how a provider with our engine signs it (Standard Webhooks)."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from standardwebhooks import Webhook

from vezne.sandbox.models import Status
from vezne.sandbox.settings import SandboxSettings
from vezne.sandbox.skins import Skin

_WRONG_SECRET = "whsec_" + "Zm9yZ2VkLWJ5LXRoZS1zYW5kYm94"  # signs the forged copies, and nothing else
STALE_BY = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Parcel:
    """One try of one delivery, ready to be signed and sent. `kind` tells what is wrong with it on purpose, if anything."""

    delivery_id: int
    event_id: str
    provider: str
    kind: str
    url: str
    body: str
    tries: int
    lost: bool
    at: datetime


def pack(skin: Skin, parcel: Parcel, settings: SandboxSettings) -> tuple[bytes, dict[str, str]]:
    """The body and headers to send: a forged copy claims success under a wrong secret."""
    body, signer, at = parcel.body, Webhook(_signing(skin.webhook_secret(settings))), parcel.at
    if parcel.kind == "forged":
        body, signer = _claiming_success(skin, body), Webhook(_WRONG_SECRET)
    if parcel.kind == "stale":
        at -= STALE_BY
    headers = {
        "content-type": "application/json",
        "user-agent": f"vezne-{skin.name}-provider",
        "webhook-id": parcel.event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signer.sign(parcel.event_id, at, body),
    }
    return body.encode(), headers


def _signing(secret: str) -> str | bytes:
    """A secret that is no `whsec_` and base64 is the key itself."""
    return secret if secret.startswith("whsec_") else secret.encode()


def _claiming_success(skin: Skin, body: str) -> str:
    event = json.loads(body)
    subject = str(event["type"]).partition(".")[0]
    claimed = skin.statuses[Status.SUCCEEDED] if subject == skin.noun else "succeeded"
    event["type"] = f"{subject}.{claimed}"
    event["data"]["status"] = claimed
    return json.dumps(event, separators=(",", ":"))
