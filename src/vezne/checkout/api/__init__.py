"""The checkout over HTTP: pages for customers, sessions for the merchant's own front end."""

from vezne.checkout.api.course_payments import ask_api, read_api
from vezne.checkout.api.magicpay import api as magicpay_api
from vezne.checkout.api.pages import pages_api
from vezne.checkout.api.sessions import api as sessions_api

ROUTERS = (pages_api, sessions_api, read_api, ask_api, magicpay_api)

__all__ = ["ROUTERS"]
