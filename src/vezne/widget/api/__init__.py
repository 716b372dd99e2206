"""The widget over HTTP: public endpoints, staff's, the documents' demo endpoints, and the pages."""

from vezne.widget.api.demo import api as demo_api
from vezne.widget.api.demo import read_api as demo_read_api
from vezne.widget.api.pages import pages_api
from vezne.widget.api.public import api as public_api
from vezne.widget.api.staff import api as staff_api

ROUTERS = (public_api, staff_api, demo_read_api, demo_api, pages_api)

__all__ = ["ROUTERS"]
