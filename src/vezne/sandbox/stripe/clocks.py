"""Test clocks: customers bound to one live by its time, which stands until it is advanced."""

from datetime import timedelta

from vezne.sandbox.queries import insert_timer
from vezne.sandbox.store import Tx
from vezne.sandbox.stripe import account, customers, events, objects, timers
from vezne.sandbox.stripe.calls import Call, delete, get, post
from vezne.sandbox.stripe.errors import invalid, missing, unexpected
from vezne.sandbox.stripe.shapes import Object, change, gone, new

KIND = "test_helpers.test_clock"
_URL = "/v1/test_helpers/test_clocks"
_LIVES = timedelta(days=30)
_FARTHEST = 2 * 366 * 86_400


def _create(call: Call) -> Object:
    frozen = call.params.integer("frozen_time", least=0)
    if frozen is None:
        raise missing("frozen_time")
    made = new(
        KIND,
        id=account.new_id(call.tx, "clock"),
        created=timers.now(call.tx),
        deletes_after=timers.now(call.tx) + int(_LIVES.total_seconds()),
        frozen_time=frozen,
        name=call.params.text("name", longest=300),
        status="ready",
        status_details={},
    )
    objects.insert(call.tx, made)
    events.emit(call.tx, "test_helpers.test_clock.created", made)
    return made


def _retrieve(call: Call) -> Object:
    return objects.get(call.tx, KIND, call.path["id"])


def _list(call: Call) -> Object:
    return objects.page(call.tx, KIND, call.params, _URL)


def _advance(call: Call) -> Object:
    """The clock is `advancing`, and `ready` once everything due until then has happened: with the next look at it."""
    old, until = objects.get(call.tx, KIND, call.path["id"]), call.params.integer("frozen_time")
    if until is None:
        raise missing("frozen_time")
    if old["status"] != "ready":
        raise unexpected("This test clock is still advancing.", "test_clock_advancing")
    if until <= old["frozen_time"]:
        raise invalid("You can only advance a test clock forward in time.", "frozen_time")
    if until - old["frozen_time"] > _FARTHEST:
        raise invalid("A test clock cannot be advanced by more than two years at once.", "frozen_time")
    details = {"advancing": {"target_frozen_time": until}}
    moved = change(old, frozen_time=until, status="advancing", status_details=details)
    objects.put(call.tx, moved, now=old["frozen_time"])
    events.emit(call.tx, "test_helpers.test_clock.advancing", moved)
    insert_timer(call.tx, timedelta(0), "stripe.advance_clock", moved["id"])
    return moved


@timers.deed("advance_clock")
def _arrive(tx: Tx, id_: str, _: int) -> None:
    clock = objects.find(tx, KIND, id_)
    if clock is None or clock["status"] != "advancing":
        return
    timers.let_pass(tx, id_, clock["frozen_time"] * 1000, lambda at: _stand_at(tx, id_, at))
    ready = change(clock, status="ready", status_details={})
    objects.put(tx, ready, now=clock["frozen_time"])
    events.emit(tx, "test_helpers.test_clock.ready", ready)


def _stand_at(tx: Tx, id_: str, at: int) -> None:
    """While time passes on the clock, it is as late as what happens just then; never earlier than it was."""
    clock = objects.get(tx, KIND, id_)
    objects.put(tx, clock, now=max(at, int(objects.hidden_of(tx, id_)["now"])))


def _delete(call: Call) -> Object:
    """The clock goes, and its customers with it."""
    found = objects.get(call.tx, KIND, call.path["id"])
    for customer in objects.select(call.tx, "customer", test_clock=found["id"]):
        customers.remove(call.tx, customer)
    timers.forget_clock(call.tx, found["id"])
    objects.delete(call.tx, found["id"])
    events.emit(call.tx, "test_helpers.test_clock.deleted", found)
    return gone(KIND, found["id"])


ROUTES = (
    post(_URL, _create, "create"),
    get(_URL, _list),
    get(f"{_URL}/{{id}}", _retrieve),
    post(f"{_URL}/{{id}}/advance", _advance),
    delete(f"{_URL}/{{id}}", _delete),
)
