"""Pages: HTML that works without JavaScript, loads nothing, and is framed by nobody.

Every page comes with a policy that lets in its own style sheet and forms that lead back here. The one exception is the
page from which somebody goes back to an app: browsers hold redirects to the same rule, so that page names the app.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from chandlery.kernel.errors import Fault
from chandlery.surfaces.http.errors import status_of
from chandlery.surfaces.http.route import Reply

Headers = tuple[tuple[str, str], ...]

PAGES = (
    "/oauth/account",
    "/oauth/authorize",
    "/oauth/federation",
    "/oauth/invitation",
    "/oauth/password-reset",
    "/oauth/sign-in",
    "/oauth/sign-out",
)
"""What is answered with a page, refusals too."""


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("chandlery.surfaces.oauth", "pages"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )


@cache
def _style() -> tuple[str, str]:
    css = (files("chandlery.surfaces.oauth") / "pages" / "style.css").read_text("utf-8")
    return css, base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()


def page(
    template: str,
    /,
    *,
    status: int = 200,
    headers: Headers = (),
    problems: Iterable[str] = (),
    leads_to: str = "",
    **facts: Any,
) -> Reply:
    """`leads_to` is where else its forms may end, as a source of a content security policy."""
    css, digest = _style()
    html = _environment().get_template(f"{template}.html").render(css=css, problems=list(problems), **facts)
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self' {leads_to}".rstrip()
        + "; base-uri 'none'; frame-ancestors 'none'"
    )
    always = (
        ("content-security-policy", policy),
        ("cache-control", "no-store"),
        ("referrer-policy", "same-origin"),
        ("x-frame-options", "DENY"),
    )
    return Reply(html.encode(), status, always + headers, media_type="text/html; charset=utf-8")


def note(title: str, text: str, *, link: str = "", link_text: str = "", **more: Any) -> Reply:
    return page("note", title=title, text=text, link=link, link_text=link_text, **more)


def refusal(fault: Fault) -> Reply:
    headers: Headers = ()
    if fault.retry_after_seconds is not None:
        headers = (("retry-after", str(fault.retry_after_seconds)),)
    return note("This does not work", fault.message(), status=status_of(type(fault)), headers=headers)


def go_to(place: str, *cookies: tuple[str, str]) -> Reply:
    """After a form: look there."""
    always = (("cache-control", "no-store"), ("referrer-policy", "same-origin"))
    return Reply(status=303, headers=(*always, *cookies), location=place)


def said(fault: Fault) -> list[str]:
    """A refusal, in the words of a page."""
    return [problem.message for problem in fault.problems] or [fault.message()]
