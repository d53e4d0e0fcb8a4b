"""Signing in through an organisation's provider: there, with a secret that this browser keeps, and back.

What we have to remember meanwhile lies sealed in a cookie of the browser that went: whoever comes back with a `state`
of another browser has been sent by somebody else. A form may not lead to other sites (see `rendering`), so the way
there is a page with a link that is followed by itself.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from typing import Final
from urllib.parse import parse_qs, urlsplit

import msgspec

from chandlery.identity.errors import IdentityProviderUnknown, MasterKeyWrong
from chandlery.identity.federation import Claimed, person_meant, provider_by_id, provider_for, secret_of
from chandlery.identity.gate import Gate
from chandlery.identity.provider import LiveProvider
from chandlery.kernel.ids import ClientId, IdentityProviderId, parse_id
from chandlery.kernel.text import is_mailbox
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.oauth.browsers import SignedIn, open_browser_session
from chandlery.surfaces.oauth.cookies import (
    FLOW,
    SESSION,
    check_form,
    cookie,
    drop_cookie,
    local,
    set_cookie,
    with_query,
)
from chandlery.surfaces.oauth.openid import Attempt, NotBelieved
from chandlery.surfaces.oauth.rendering import go_to, page
from chandlery.surfaces.oauth.sign_in import Form, NextQuery, sign_in_page
from chandlery.surfaces.oauth.wiring import wired

CALLBACK: Final = "/oauth/federation/callback"
PURPOSE: Final = "federation-flow"
GOOD_FOR_SECONDS: Final = 600


class ProviderForm(Form):
    email: str


class StartQuery(NextQuery):
    email: str = ""


class CallbackQuery(msgspec.Struct, kw_only=True):
    code: str = ""
    state: str = ""
    iss: str = ""
    error: str = ""


class _Flow(msgspec.Struct, array_like=True):
    """What lies in the cookie."""

    provider_id: str
    state: str
    nonce: str
    verifier: str
    next: str
    expires_at: float


async def find_provider(call: Call, form: ProviderForm) -> Reply:
    """By the domain of an address, for the tenant whose app somebody comes from."""
    gate = wired(call).gate
    check_form(gate, call.head, form.csrf)
    provider = await provider_for(gate, form.email, _client_behind(form.next))
    if provider is None:
        return sign_in_page(call, form.next, form.email[:300], IdentityProviderUnknown())
    start = f"/oauth/federation/{provider.id}"
    return go_to(with_query(start, next=local(form.next), email=form.email.strip()[:254]))


async def start_federation(call: Call) -> Reply:
    query: StartQuery = call.query
    gate = wired(call).gate
    provider = await _provider(gate, call.path["provider_id"])
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    expires_at = gate.engine.clock.now().timestamp() + GOOD_FOR_SECONDS
    flow = _Flow(str(provider.id), state, nonce, verifier, local(query.next)[:1500], expires_at)
    sealed = base64.urlsafe_b64encode(gate.master.seal(PURPOSE, msgspec.json.encode(flow))).decode()
    hint = query.email if is_mailbox(query.email) else ""
    target = await wired(call).openid.way_to(provider, _attempt(call, flow), hint)
    return page(
        "onward",
        headers=(set_cookie(gate, FLOW, sealed, GOOD_FOR_SECONDS),),
        target=target,
        name=provider.name,
        host=urlsplit(target).netloc,
    )


async def come_back(call: Call) -> Reply:
    query: CallbackQuery = call.query
    gate = wired(call).gate
    flow = _flow(gate, cookie(gate, call.head, FLOW))
    if not hmac.compare_digest(flow.state.encode(), query.state.encode("utf-8", "replace")):
        raise NotBelieved
    provider = await _provider(gate, flow.provider_id)
    if query.error or not query.code or query.iss not in ("", provider.issuer):
        raise NotBelieved
    secret = secret_of(gate, provider)
    claims = await wired(call).openid.claims(provider, secret, _attempt(call, flow), query.code)
    email = claims.get("email") if claims.get("email_verified") is True else ""
    name = claims.get("name")
    claimed = Claimed(
        provider,
        claims["sub"],
        email if isinstance(email, str) and is_mailbox(email) else "",
        name if isinstance(name, str) and name.isprintable() else "",
    )
    user_id = await person_meant(gate, claimed)
    value = await open_browser_session(gate, SignedIn(user_id, provider_id=provider.id))
    return go_to(local(flow.next), set_cookie(gate, SESSION, value), drop_cookie(gate, FLOW))


async def _provider(gate: Gate, text: str) -> LiveProvider:
    found = parse_id(text)
    provider = None if found is None else await provider_by_id(gate, IdentityProviderId(found))
    if provider is None:
        raise IdentityProviderUnknown
    return provider


def _attempt(call: Call, flow: _Flow) -> Attempt:
    return Attempt(call.url(CALLBACK), flow.state, flow.nonce, flow.verifier)


def _flow(gate: Gate, sealed: str | None) -> _Flow:
    """What this browser took along, unless that is long ago."""
    try:
        plain = gate.master.open(PURPOSE, base64.urlsafe_b64decode(sealed or ""))
    except (MasterKeyWrong, binascii.Error):
        raise NotBelieved from None
    flow = msgspec.json.decode(plain, type=_Flow)
    if flow.expires_at <= gate.engine.clock.now().timestamp():
        raise NotBelieved
    return flow


def _client_behind(place: str) -> ClientId | None:
    """The app in whose authorization request somebody stands."""
    named = parse_qs(urlsplit(local(place)).query).get("client_id", [""])[0]
    found = parse_id(named)
    return None if found is None else ClientId(found)
