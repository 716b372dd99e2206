"""Payments over HTTP."""

from vezne.payments.api.confirming import payments_api as confirming_api
from vezne.payments.api.confirming import refunds_api
from vezne.payments.api.disputes import api as disputes_api
from vezne.payments.api.forms import forms_api
from vezne.payments.api.instructions import instructions_api
from vezne.payments.api.magicpay import demo_api
from vezne.payments.api.methods import api as methods_api
from vezne.payments.api.payments import api as payments_api
from vezne.payments.api.payu import ROUTERS as PAYU
from vezne.payments.api.stripe import notices_api as stripe_api
from vezne.payments.api.subscriptions import api as subscriptions_api
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
    methods_api,
    subscriptions_api,
    disputes_api,
    *PAYU,
    stripe_api,
)

__all__ = ["ROUTERS"]
