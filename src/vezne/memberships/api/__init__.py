"""Plans and memberships over HTTP. What places orders (subscribing, changing now) is served by orders."""

from vezne.memberships.api.memberships import api as memberships_api
from vezne.memberships.api.memberships import departures_api, preview_api
from vezne.memberships.api.plans import api as plans_api

ROUTERS = (plans_api, memberships_api, preview_api, departures_api)

__all__ = ["ROUTERS"]
