"""Parts that all hosted pages share: templates, notices, and headers that keep the page to itself."""

from __future__ import annotations

import secrets
from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response

from lib.languages import Words

MERCHANT = "Onfile Practice Ltd"

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def notice(
    status: int,
    say: Words,
    heading: str,
    *sentences: str,
    merchant: str = MERCHANT,
    link: dict[str, str] | None = None,
) -> Response:
    return page(
        "notice.html",
        say,
        status=status,
        merchant=merchant,
        heading=heading,
        sentences=sentences,
        link=link,
    )


def page(template: str, say: Words, *, status: int = 200, **context: object) -> Response:
    nonce = secrets.token_urlsafe(16)
    html = _templates.get_template(template).render(
        nonce=nonce, _=say, language=say.language.code, **context
    )
    return HTMLResponse(html, status_code=status, headers=_headers(nonce))


def redirect(address: str) -> Response:
    return RedirectResponse(address, status_code=303, headers=_headers("none"))


def _headers(nonce: str) -> dict[str, str]:
    policy = (
        "default-src 'none'; img-src data:; base-uri 'none'; frame-ancestors 'none'; "
        f"style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
        # Browsers hold the redirect after a form to this rule too, and the success page may be
        # anywhere on the web.
        "form-action 'self' http: https:"
    )
    return {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }


def web_address(url: str | None) -> str | None:
    """The URL if a browser may be sent there; `javascript:` and the like may not."""
    if url is None:
        return None
    try:
        is_web = urlsplit(url).scheme in ("http", "https")
    except ValueError:
        return None
    return url if is_web else None
