"""Payments over HTTP."""

from vezne.payments.api.confirming import payments_api as confirming_api
from vezne.payments.api.confirming import refunds_api
from vezne.payments.api.forms import forms_api
from vezne.payments.api.instructions import instructions_api
from vezne.payments.api.magicpay import demo_api
from vezne.payments.api.payments import api as payments_api
from vezne.payments.api.payu import ROUTERS as PAYU
from vezne.payments.api.stripe import notices_api as stripe_api
from vezne.payments.api.webhooks import log_api, receiving_api

ROUTERS = (
    payments_api,
    log_api,
    receiving_api,
    forms_api,
    confirming_api,
    refunds_api,
    instructions_api,
    demo_api,
    *PAYU,
    stripe_api,
)

__all__ = ["ROUTERS"]
