"""What the simulated provider says no with."""

from collections.abc import Mapping


class Refused(Exception):
    """A request that is refused: its HTTP status, a stable code, a sentence, and the parameter at fault when there is one."""

    def __init__(self, status: int, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.param = param

    @property
    def body(self) -> Mapping[str, object]:
        """The error as the API shows it."""
        return {"error": {"code": self.code, "message": self.message, "param": self.param}}


def no_such(what: str, text: str) -> Refused:
    """There is no `what` called `text`."""
    return Refused(404, "not_found", f"No such {what}: {text[:80]!r}.")
