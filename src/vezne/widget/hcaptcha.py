"""hCaptcha, where a tenant or the deployment wants it: asked over the network, so never inside a transaction."""

from dataclasses import dataclass

import httpx2
import msgspec

from vezne.kernel.settings import Settings
from vezne.kernel.tls import tls_context
from vezne.widget.models import CaptchaMissing, CaptchaUnavailable, CaptchaWrong

_SECONDS = 5
_OK = 200
_FIELD = ("body", "captcha")
PAGE_ORIGINS = ("https://hcaptcha.com", "https://*.hcaptcha.com")
"""What a page that shows hCaptcha must be let load (docs.hcaptcha.com, "CSP settings")."""
SCRIPT = "https://js.hcaptcha.com/1/api.js"


class _Verdict(msgspec.Struct):
    success: bool


@dataclass(frozen=True, slots=True)
class HCaptcha:
    """The deployment's account at hCaptcha."""

    url: str
    secret: str | None
    site_key: str | None

    @classmethod
    def from_settings(cls, settings: Settings) -> "HCaptcha":
        """As the settings have it; without a secret nobody passes."""
        secret = settings.hcaptcha_secret
        return cls(settings.hcaptcha_url, None if secret is None else secret.get_secret_value(), settings.hcaptcha_site_key)

    async def check(self, response: str | None) -> None:
        """Raise CaptchaMissing, CaptchaWrong; CaptchaUnavailable when hCaptcha gives no answer or is not set up here."""
        if not response:
            raise CaptchaMissing(loc=_FIELD)
        if self.secret is None:
            raise CaptchaUnavailable(retry_after=60)
        form = {"secret": self.secret, "response": response, **({"sitekey": self.site_key} if self.site_key else {})}
        try:
            async with httpx2.AsyncClient(timeout=_SECONDS, trust_env=False, verify=tls_context()) as client:
                answer = await client.post(f"{self.url}/siteverify", data=form)
            verdict = msgspec.json.decode(answer.content, type=_Verdict) if answer.status_code == _OK else None
        except (httpx2.HTTPError, msgspec.DecodeError):
            verdict = None
        if verdict is None:
            raise CaptchaUnavailable(retry_after=5)
        if not verdict.success:
            raise CaptchaWrong(loc=_FIELD)
