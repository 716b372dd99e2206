"""The endpoints of events and of webhook endpoints: who is told what, and what they were told."""

from vezne.sandbox.loopback import loopback_url
from vezne.sandbox.stripe import account, events, objects, timers
from vezne.sandbox.stripe.calls import Call, delete, get, post
from vezne.sandbox.stripe.errors import invalid, missing
from vezne.sandbox.stripe.params import Params
from vezne.sandbox.stripe.shapes import Object, change, gone, new

_EVENT, _ENDPOINT = "event", "webhook_endpoint"


def _list_events(call: Call) -> Object:
    type_, types = call.params.text("type"), call.params.texts("types")
    call.params.ignore("delivery_success")
    wanted = [type_] if type_ else types
    if wanted:
        return objects.page(call.tx, _EVENT, call.params, "/v1/events", type=wanted)
    return objects.page(call.tx, _EVENT, call.params, "/v1/events")


def _retrieve_event(call: Call) -> Object:
    return objects.get(call.tx, _EVENT, call.path["id"])


def _retrieve_thin(call: Call) -> Object:
    return events.thin(objects.get(call.tx, _EVENT, call.path["id"]))


def loopback(params: Params, name: str, *, url: str | None = None) -> str | None:
    """An address on loopback, as the sandbox calls and leads to no other machine."""
    text = params.text(name) if url is None else url
    if text is None:
        return None
    try:
        return loopback_url(text)
    except ValueError as error:
        raise invalid(f"Not a valid URL: {params.name(name)} {error}", params.name(name), "url_invalid") from None


def _create_endpoint(call: Call) -> Object:
    tx, params = call.tx, call.params
    url, wanted = loopback(params, "url"), params.texts("enabled_events")
    if url is None or not wanted:
        raise missing("url" if url is None else "enabled_events")
    params.ignore("connect")
    made = new(
        _ENDPOINT,
        id=account.new_id(tx, "we"),
        api_version=params.text("api_version"),
        created=timers.now(tx),
        description=params.text("description"),
        enabled_events=wanted,
        metadata=params.metadata(),
        status="enabled",
        url=url,
    )
    secret = account.new_id(tx, "whsec", 32)
    objects.insert(tx, made, secret=secret)
    return {**made, "secret": secret}


def _update_endpoint(call: Call) -> Object:
    params = call.params
    old = objects.get(call.tx, _ENDPOINT, call.path["id"])
    off = params.boolean("disabled", default=old["status"] == "disabled")
    moved = change(
        old,
        url=loopback(params, "url") or old["url"],
        enabled_events=params.texts("enabled_events") or old["enabled_events"],
        description=params.text("description", old["description"]),
        metadata=params.metadata(old["metadata"]),
        status="disabled" if off else "enabled",
    )
    return objects.put(call.tx, moved)


def _retrieve_endpoint(call: Call) -> Object:
    return objects.get(call.tx, _ENDPOINT, call.path["id"])


def _list_endpoints(call: Call) -> Object:
    return objects.page(call.tx, _ENDPOINT, call.params, "/v1/webhook_endpoints")


def _delete_endpoint(call: Call) -> Object:
    found = objects.get(call.tx, _ENDPOINT, call.path["id"])
    objects.delete(call.tx, found["id"])
    return gone(_ENDPOINT, found["id"])


def _retrieve_balance_transaction(call: Call) -> Object:
    return objects.get(call.tx, "balance_transaction", call.path["id"])


def _list_balance_transactions(call: Call) -> Object:
    facts = {name: value for name in ("source", "type") if (value := call.params.text(name))}
    return objects.page(call.tx, "balance_transaction", call.params, "/v1/balance_transactions", **facts)


ROUTES = (
    get("/v1/events", _list_events),
    get("/v1/events/{id}", _retrieve_event),
    get("/v2/core/events/{id}", _retrieve_thin),
    post("/v1/webhook_endpoints", _create_endpoint, "create"),
    get("/v1/webhook_endpoints", _list_endpoints),
    get("/v1/webhook_endpoints/{id}", _retrieve_endpoint),
    post("/v1/webhook_endpoints/{id}", _update_endpoint),
    delete("/v1/webhook_endpoints/{id}", _delete_endpoint),
    get("/v1/balance_transactions", _list_balance_transactions),
    get("/v1/balance_transactions/{id}", _retrieve_balance_transaction),
)
