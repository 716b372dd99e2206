"""Letters from templates: MJML for the HTML, plain text beside it, both in the reader's language.

A slice's letter `receipt` is `templates/receipt.mjml`, which begins with `{% extends 'letter.mjml' %}`, and
`templates/receipt.txt`, which begins with `{% extends 'letter.txt' %}`; its messages stand in the slice's `messages.toml`. In
both: `t('mail.receipt.title', name=…)`, `money(value)`, `moment(at)`, `day(at)` (in the tenant's zone), `lang`.

Values are escaped in the HTML. Nothing is loaded from elsewhere: no remote image, no web font.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import mrml
from babel.dates import format_date, format_datetime
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context, select_autoescape
from jinja2.runtime import Context
from markupsafe import escape

from vezne.kernel.messages import Translator
from vezne.kernel.money import Money, format_money

_HOUSE: Final = Path(__file__).resolve().parents[2]
_GAPS: Final = re.compile(r"\n{3,}")
_NO_WEB_FONTS: Final = mrml.RenderOptions(fonts={})


@dataclass(frozen=True, slots=True)
class Body:
    """A letter's two bodies."""

    html: str
    text: str


class Letters:
    """The letters of one slice: its templates first, then the kernel's."""

    def __init__(self, *slices: str) -> None:
        folders = [_HOUSE / name for name in (*slices, "kernel")]
        self._translator = Translator([folder / "messages.toml" for folder in reversed(folders)])
        loader = FileSystemLoader([folder / "templates" for folder in folders])
        self._environment = Environment(
            loader=loader,
            autoescape=select_autoescape(["mjml"], default=False),  # plain text has nothing to escape
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(t=self._t, money=_money, moment=_moment, day=_day)

    def subject(self, language: str, key: str, **names: object) -> str:
        """A message outside a template: the subject."""
        return self._translator.template(language, key).format(**names)

    def render(self, letter: str, /, *, language: str, sender: str, zone: ZoneInfo, **context: object) -> Body:
        """The letter of this name. `sender` is who it is from, as people know them; times are shown in `zone`."""
        known = {**context, "lang": language, "sender": sender, "zone": zone}
        written = self._environment.get_template(f"{letter}.mjml").render(known)
        html = mrml.to_html(written, render_options=_NO_WEB_FONTS).content
        text = self._environment.get_template(f"{letter}.txt").render(known)
        return Body(html, _GAPS.sub("\n\n", "\n".join(line.rstrip() for line in text.strip().splitlines())) + "\n")

    @pass_context
    def _t(self, context: Context, key: str, **names: object) -> str:
        text = self._translator.template(context["lang"], key)
        return escape(text).format(**names) if context.eval_ctx.autoescape else text.format(**names)


@pass_context
def _money(context: Context, value: Money) -> str:
    return format_money(value, context["lang"])


@pass_context
def _moment(context: Context, at: datetime) -> str:
    text: str = format_datetime(at, "medium", tzinfo=context["zone"], locale=context["lang"])
    return text


@pass_context
def _day(context: Context, at: datetime | date) -> str:
    local = at.astimezone(context["zone"]).date() if isinstance(at, datetime) else at
    text: str = format_date(local, "long", locale=context["lang"])
    return text
