"""PayU India, as its documentation describes it: a page entered by a signed form, a command API, signed forms back.

How sure each part is: the hashes, the endpoints and the shapes of answers are documented; the texts of refusals, the codes of
refunds and the retry schedule of webhooks are inferred; the declined cards and the machine API under `/payu/play` are invented.
"""

from vezne.sandbox.payu.operations import happen
from vezne.sandbox.payu.pages import show_problem
from vezne.sandbox.payu.routes import ROUTES
from vezne.sandbox.payu.webhooks import NAME, pack

__all__ = ["NAME", "ROUTES", "happen", "pack", "show_problem"]
