"""Stripe, as its documentation and its SDK (16.1.0, API 2026-10-28.endive) describe it: the form-encoded API, its hosted pages,
its events and webhooks, and its test clocks. It answers at the sandbox's root (`/v1/…`, `/v2/…`), so that
`StripeClient(key, base_addresses={"api": sandbox})` works unchanged.

How a resource is added:

- Its empty shape stands in `shapes.json` (made from Stripe's fixtures, one line a kind). `shapes.new("invoice", id=…, …)` and
  `shapes.change(thing, …)` refuse keys that today's shape does not have. Objects are plain dicts; never invent a key.
- `account.new_id(tx, "in")` names it. `objects.insert(tx, thing, **hidden)`, `objects.put`, `objects.get(tx, kind, id, param)`
  (404 by `id`, 400 by another parameter), `objects.find`, `objects.select(tx, kind, customer=…, payment__type=…)` and
  `objects.page(tx, kind, params, url, **facts)` keep, find and list it; `objects.hidden_of` is what the API never shows.
  `objects.PARTS[("invoice", "payments")] = maker` adds what only `expand` shows. Ids expand by themselves.
- An endpoint is a function of a `calls.Call` (`tx`, `params`, `path`) that returns the object; `calls.get`, `post`, `delete` make
  its routes, listed in `ROUTES` of its module and there in `routes.py`. Keys, repeats, `expand`, faults and errors are theirs.
- Parameters are read from `params` by name and type (`text`, `needed`, `choice`, `integer`, `boolean`, `inner`, `rows`, `texts`,
  `metadata`); what nobody read is refused as unknown. `params.ignore(…)` takes one that changes nothing here.
- Refusals: `errors.missing`, `invalid`, `no_such`, `unexpected` (a state, with its code), `card_error` (402; what is done stays).
- `events.emit(tx, "invoice.paid", thing, previous)` keeps the event and queues its webhooks.
- Time: `timers.now(tx, timers.clock_of(tx, thing))`, in seconds. A deed is `@timers.deed("renew") def f(tx, subject, at)`;
  `timers.wind_at(tx, at, "renew", id, clock)` lets it happen, in real time when `clock` is None, else when that test clock is
  advanced past it, in order and with the clock standing at `at`. `timers.unwind("renew", id)`.
- Money: `payment_intents.make(tx, …)` and `payment_intents.confirm(tx, intent, method, off_session=…)`; append to
  `payment_intents.FOLLOWERS` a function of (tx, intent) to hear of every intent that has moved, and `setup_intents.FOLLOWERS`.
- A Checkout mode is `sessions.MODES["subscription"] = sessions.Mode(prepare, intent, completed)`: `prepare(call, session)` reads
  the mode's own parameters, `intent(tx, session, method)` makes the intent to be confirmed, `completed(tx, session, intent)`
  fills in what came of it.

How sure each part is: paths, shapes, codes, test cards and signatures are documented; some messages and the retry schedule of
webhooks are inferred; the machine API under `/stripe/play` is invented.
"""

from vezne.sandbox.stripe.calls import show_refusal
from vezne.sandbox.stripe.events import NAME, pack
from vezne.sandbox.stripe.pages import show_problem
from vezne.sandbox.stripe.routes import ROUTES
from vezne.sandbox.stripe.timers import happen

__all__ = ["NAME", "ROUTES", "happen", "pack", "show_problem", "show_refusal"]
