"""The paths that the documents of the systems we stand in for name, each with its twin under /v1.

A documented path is a second address of its twin: the same endpoint, permissions, body, answers and idempotency. To add one,
write a line here; its parameters have the twin's names.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

TAG: Final = "documented paths"

DOCUMENTED: Final[Mapping[tuple[str, str], str]] = {
    # the course platform (CC2)
    ("POST", "/api/v1/payments"): "/v1/course-payments",
    ("GET", "/api/v1/payments"): "/v1/course-payments",
    ("GET", "/api/v1/payments/{payment_id}"): "/v1/course-payments/{payment_id}",
    ("POST", "/api/v1/payments/{payment_id}/confirm"): "/v1/course-payments/{payment_id}/confirmations",
    # the course platform's coins (CC5)
    ("POST", "/coins/course-completion"): "/v1/rewards/course-completions",
    ("POST", "/coins/referral"): "/v1/rewards/referrals",
    ("POST", "/coins/adjust"): "/v1/coins/adjustments",
    ("POST", "/coins/redeem"): "/v1/coins/redemptions",
    ("GET", "/coins/{student_id}"): "/v1/coins/{student_id}",
    ("GET", "/coins/{student_id}/transactions"): "/v1/coins/{student_id}/transactions",
    # the storage platform: MagicPay (SR8)
    ("POST", "/payments/magicpay/checkout-session"): "/v1/magicpay/checkout-session",
    ("GET", "/payments/magicpay/demo/{session_id}"): "/v1/magicpay/demo/{session_id}",
    ("POST", "/payments/magicpay/demo/{session_id}"): "/v1/magicpay/demo/{session_id}",  # the form of its card page
    ("POST", "/payments/magicpay/demo/{session_id}/complete"): "/v1/magicpay/demo/{session_id}/complete",
    # credits and their packs (CM13)
    ("GET", "/payment/credits/balance"): "/v1/credits/balance",
    ("GET", "/payment/credits/history"): "/v1/credits/history",
    ("POST", "/payment/credits/transfer"): "/v1/credits/transfer",
    ("POST", "/payment/credits/refund"): "/v1/credits/refund",
    ("GET", "/payment/credit-packs"): "/v1/credit-packs",
    ("GET", "/payment/credit-packs/{item_id}"): "/v1/credit-packs/{item_id}",
    ("POST", "/payment/credit-packs/{item_id}/purchase"): "/v1/credit-packs/{item_id}/purchases",
    # promo codes (CM13)
    ("POST", "/payment/promo-codes/validate"): "/v1/promo-codes/validate",
    ("POST", "/payment/promo-codes/apply"): "/v1/promo-codes/apply",
    # event tickets: payment orders (ET12)
    ("POST", "/api/payments/orders"): "/v1/ticket-orders",
    ("GET", "/api/payments/orders/{order_id}"): "/v1/ticket-orders/{order_id}",
    # event tickets: where PayU sends browsers and news (ET12)
    ("POST", "/api/payments/payu/success"): "/v1/payu/success",
    ("POST", "/api/payments/payu/failure"): "/v1/payu/failure",
    ("POST", "/api/payments/payu/webhook"): "/v1/payu/webhook",
    # credits and memberships: where Stripe tells of everything (CM13)
    ("POST", "/payment/webhooks/stripe"): "/v1/stripe/webhook",
    # storage: the widget (SR3), and the demo endpoints (SR8)
    ("GET", "/public/widget/init"): "/v1/widget/init",
    ("OPTIONS", "/public/widget/init"): "/v1/widget/init",
    ("POST", "/public/widget/reservations"): "/v1/widget/reservations",
    ("OPTIONS", "/public/widget/reservations"): "/v1/widget/reservations",
    ("GET", "/demo/available-storages"): "/v1/demo/available-storages",
    ("POST", "/demo/payments/{intent_id}/simulate"): "/v1/demo/payments/{intent_id}/simulate",
    ("POST", "/demo/widget-reservations/{reservation_id}/convert"): "/v1/demo/widget-reservations/{reservation_id}/convert",
    # credits and memberships: memberships (CM3, CM13)
    ("GET", "/payment/memberships"): "/v1/plans",
    ("GET", "/payment/memberships/current"): "/v1/memberships/current",
    ("POST", "/payment/memberships/{plan_id}/subscribe"): "/v1/plans/{plan_id}/subscriptions",
    ("POST", "/payment/memberships/cancel"): "/v1/memberships/current/cancellations",
}
"""Method and path as documented → the path of the twin, which takes the same method."""


class TwinMissing(RuntimeError):
    """A documented path has no twin: no slice serves it."""


def mount_documented(app: FastAPI, routers: Iterable[APIRouter], documented: Mapping[tuple[str, str], str] = DOCUMENTED) -> None:
    """Serve every documented path by the endpoint of its twin, which is one of the routers' own. Raises TwinMissing."""
    twins = twins_of(routers)
    router = APIRouter()
    for (method, path), twin in documented.items():
        if (method, twin) not in twins:
            raise TwinMissing(f"{TwinMissing.__doc__} {method} {path} is to be answered by {method} {twin}.")
        _add(router, method, path, twins[method, twin])
    app.include_router(router)


def twins_of(routers: Iterable[APIRouter]) -> dict[tuple[str, str], APIRoute]:
    """Every route of these routers by method and path."""
    return {
        (method, route.path): route
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }


def _add(router: APIRouter, method: str, path: str, twin: APIRoute) -> None:
    router.add_api_route(
        path,
        twin.endpoint,
        methods=[method],
        route_class_override=type(twin),
        name=twin.name,
        tags=[TAG],
        description=f"{twin.description}\n\nThe documented address of `{method} {twin.path}`.",
        summary=twin.summary,
        dependencies=twin.dependencies,
        status_code=twin.status_code,
        responses=twin.responses,
        response_class=twin.response_class,
        response_description=twin.response_description,
        response_model=twin.response_model,
        response_model_include=twin.response_model_include,
        response_model_exclude=twin.response_model_exclude,
        response_model_by_alias=twin.response_model_by_alias,
        response_model_exclude_unset=twin.response_model_exclude_unset,
        response_model_exclude_defaults=twin.response_model_exclude_defaults,
        response_model_exclude_none=twin.response_model_exclude_none,
        include_in_schema=twin.include_in_schema,
        openapi_extra=twin.openapi_extra,
        deprecated=twin.deprecated,
    )
