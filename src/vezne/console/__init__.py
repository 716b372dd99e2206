"""The console: where the staff of a tenant, and of its partners, see and do their daily work.

Pages under `/console/{slug}`, made on the server; each action is a plain form answered by a redirect. Roles decide what is shown
and, by the permissions that every operation is asked with, what is done. Whoever belongs to a payee sees that payee's things.

Wiring, for the composition root: include `console.api.ROUTERS`; they need `app.state.edge` and `app.state.gateways`.
"""
