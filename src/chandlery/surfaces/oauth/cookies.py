"""Cookies of the sign-in pages, and the token by which a form shows that it is one of ours.

A form's token is a MAC over a random cookie that only this browser has and, once somebody is signed in, over their
session: a page of somebody else can neither read nor guess it. With SameSite and the check of Origin that is three
locks on one door; each of them has been picked somewhere.
"""

from __future__ import annotations

import hmac
import re
import secrets
from typing import Final
from urllib.parse import urlencode

from chandlery.identity.gate import Gate
from chandlery.kernel.errors import Forbidden
from chandlery.surfaces.http.head import Head

Header = tuple[str, str]

SESSION: Final = "chandlery_session"
FORM: Final = "chandlery_form"
FLOW: Final = "chandlery_flow"
_PURPOSE: Final = "form-token"
_VALUE = re.compile(r"[A-Za-z0-9_.=-]{1,4000}")
_LOCAL = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]{0,3000}")


class FormStale(Forbidden):
    """This form has expired; go back, load the page again and repeat."""


def cookie(gate: Gate, head: Head, name: str) -> str | None:
    wanted = _name(gate, name)
    for pair in (head.header("cookie") or "").split(";"):
        found, _, value = pair.strip().partition("=")
        if found == wanted and _VALUE.fullmatch(value):
            return value
    return None


def set_cookie(gate: Gate, name: str, value: str, seconds: int | None = None) -> Header:
    """Until the browser closes, unless seconds are given."""
    parts = [f"{_name(gate, name)}={value}", "Path=/", "HttpOnly", "SameSite=Lax"]
    if seconds is not None:
        parts.append(f"Max-Age={seconds}")
    if _is_secure(gate):
        parts.append("Secure")
    return "set-cookie", "; ".join(parts)


def drop_cookie(gate: Gate, name: str) -> Header:
    return set_cookie(gate, name, "gone", 0)


def form_token(gate: Gate, head: Head) -> tuple[str, tuple[Header, ...]]:
    """The token for a form, and the cookie that it hangs on where the browser has none yet."""
    known = cookie(gate, head, FORM)
    value = known or secrets.token_urlsafe(24)
    session = cookie(gate, head, SESSION) or ""
    token = gate.master.mac(_PURPOSE, f"{value} {session}").hex()
    return token, () if known else (set_cookie(gate, FORM, value),)


def check_form(gate: Gate, head: Head, token: str) -> None:
    origin = head.header("origin")
    hosts = (gate.tokens.issuer.partition("://")[2].partition("/")[0], head.header("host"))
    if origin is not None and origin.partition("://")[2] not in hosts:
        raise FormStale
    value, session = cookie(gate, head, FORM), cookie(gate, head, SESSION) or ""
    expected = gate.master.mac(_PURPOSE, f"{value} {session}").hex()
    if value is None or not hmac.compare_digest(expected.encode(), token.encode("utf-8", "replace")):
        raise FormStale


def local(place: str, otherwise: str = "/oauth/account") -> str:
    """Where to go on, if that is here: nobody is sent elsewhere by a link to our sign-in page."""
    return place if _LOCAL.fullmatch(place) else otherwise


def with_query(path: str, **parameters: str) -> str:
    given = {name: value for name, value in parameters.items() if value}
    return f"{path}{'&' if '?' in path else '?'}{urlencode(given)}" if given else path


def _is_secure(gate: Gate) -> bool:
    return gate.tokens.issuer.startswith("https://")


def _name(gate: Gate, name: str) -> str:
    """Over HTTPS a prefix by which browsers refuse a cookie that a neighbouring host has set."""
    return f"__Host-{name}" if _is_secure(gate) else name
