"""What is carried: one try of one delivery, and how the simulated provider signs it (Standard Webhooks)."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from standardwebhooks import Webhook

from vezne.sandbox.settings import SandboxSettings

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


def pack(parcel: Parcel, settings: SandboxSettings) -> tuple[bytes, dict[str, str]]:
    """The body and headers to send: a forged copy claims success under a wrong secret."""
    body, signer, at = parcel.body, Webhook(settings.webhook_secret), parcel.at
    if parcel.kind == "forged":
        body, signer = _claiming_success(body), Webhook(_WRONG_SECRET)
    if parcel.kind == "stale":
        at -= STALE_BY
    headers = {
        "content-type": "application/json",
        "user-agent": "vezne-simulated-provider",
        "webhook-id": parcel.event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signer.sign(parcel.event_id, at, body),
    }
    return body.encode(), headers


def _claiming_success(body: str) -> str:
    event = json.loads(body)
    subject = str(event["type"]).partition(".")[0]
    event["type"] = f"{subject}.succeeded"
    event["data"]["status"] = "succeeded"
    return json.dumps(event, separators=(",", ":"))
