"""Payments over HTTP."""

from vezne.payments.api.forms import forms_api
from vezne.payments.api.payments import api as payments_api
from vezne.payments.api.webhooks import log_api, receiving_api

ROUTERS = (payments_api, log_api, receiving_api, forms_api)

__all__ = ["ROUTERS"]
