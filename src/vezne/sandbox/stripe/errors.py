"""What Stripe says no with: a type, mostly a code, a sentence, and the parameter at fault."""

from collections.abc import Mapping

from vezne.sandbox.refusals import Refused

INVALID, CARD, IDEMPOTENCY, API = "invalid_request_error", "card_error", "idempotency_error", "api_error"


class StripeRefused(Refused):
    """A request that Stripe refuses. `keeps`: what the request has changed stays, as after a declined card. `stored`: the same
    Idempotency-Key gets the same refusal again.
    """

    def __init__(
        self,
        status: int,
        type_: str,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        keeps: bool = False,
        stored: bool = False,
        more: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(status, code or type_, message, param)
        self.type = type_
        self.keeps = keeps
        self.stored = stored or keeps
        self._shown = {"type": type_, "code": code, "message": message, "param": param, **(more or {})}

    @property
    def body(self) -> Mapping[str, object]:
        """The error as the API shows it: what it has nothing to say of is left out."""
        return {"error": {name: value for name, value in self._shown.items() if value is not None}}


def invalid(message: str, param: str | None = None, code: str | None = None) -> StripeRefused:
    """A request that is wrong in itself; nothing was done, and the same key may be used again."""
    return StripeRefused(400, INVALID, message, code=code, param=param)


def missing(param: str) -> StripeRefused:
    """A parameter that is needed was not sent."""
    return invalid(f"Missing required param: {param}.", param, "parameter_missing")


def unknown(param: str) -> StripeRefused:
    """A parameter that there is not."""
    return invalid(f"Received unknown parameter: {param}", param, "parameter_unknown")


def no_such(kind: str, id_: str, param: str | None = "id") -> StripeRefused:
    """Nothing of this kind is called so: 404 when the address names it (`param` id), 400 when a parameter does."""
    noun = kind.rpartition(".")[2].replace("_", " ").replace("payment intent", "payment_intent")
    message = f"No such {noun}: '{id_[:80]}'"
    return StripeRefused(404 if param == "id" else 400, INVALID, message, code="resource_missing", param=param)


def unexpected(message: str, code: str, **more: object) -> StripeRefused:
    """The thing is in a state in which this cannot be done. The same key gets the same answer."""
    return StripeRefused(400, INVALID, message, code=code, stored=True, more=more)


def card_error(message: str, code: str, decline_code: str | None = None, **more: object) -> StripeRefused:
    """The bank said no. What the try has left behind stays."""
    return StripeRefused(402, CARD, message, code=code, keeps=True, more={"decline_code": decline_code, **more})


def of_refusal(refused: Refused) -> StripeRefused:
    """A refusal of the sandbox's common parts, in Stripe's words."""
    if isinstance(refused, StripeRefused):
        return refused
    if refused.status == 404:  # noqa: PLR2004 - the one status with words of its own
        return StripeRefused(404, INVALID, "Unrecognized request URL. Please see https://stripe.com/docs.")
    return StripeRefused(refused.status, API if refused.status >= 500 else INVALID, refused.message, param=refused.param)  # noqa: PLR2004
