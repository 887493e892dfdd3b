"""The plain pages that customers see: closed to scripts, frames, caches and other sites."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, select_autoescape
from starlette.responses import HTMLResponse

from lib.domain.sender import Sender
from lib.languages import Language
from lib.wording.pages import button_on, title_and_text, whom_to_ask
from lib.wording.units import units

PAGE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(default=True),
)
_templates.filters["units"] = units


def customer_page(
    name: str,
    sender: Sender,
    language: Language,
    *,
    status_code: int = 200,
    asks: bool = False,
) -> HTMLResponse:
    """`asks`: it says whom they turn to."""
    title, text = title_and_text(name, language)
    html = _templates.get_template("message.html").render(
        title=title,
        text=text,
        more=whom_to_ask(sender, language) if asks else "",
        name=name,
        foot="" if asks else sender.signature,
        button=button_on(name, language),
        language=language.code,
    )
    headers = {**PAGE_HEADERS, "Content-Language": language.code, "Vary": "Accept-Language"}
    if button_on(name, language):
        # Browsers hold where a form's answer leads to against it, too: Stripe's page, perhaps on the
        # account's own domain.
        targets = "*" if name == "open_page" else "'self'"
        policy = headers["Content-Security-Policy"]
        headers["Content-Security-Policy"] = policy.replace(
            "form-action 'none'", f"form-action {targets}"
        )
    return HTMLResponse(html, status_code=status_code, headers=headers)
