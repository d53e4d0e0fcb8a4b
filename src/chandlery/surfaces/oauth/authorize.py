"""The authorization endpoint: OAuth 2.1 authorization code with PKCE (S256), state, and `iss` (RFC 9207).

Where an app may be sent back to is checked before anything else, to the last character: until that is certain, what is
wrong is said on a page of ours and nobody is redirected. Consent is asked each time, with the organisation to act for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import msgspec

from chandlery.identity import permissions
from chandlery.identity.gate import Gate
from chandlery.identity.permissions import PERMISSIONS
from chandlery.identity.session import KnownClient
from chandlery.identity.sessions import find_known_client
from chandlery.kernel.errors import Forbidden, Invalid
from chandlery.kernel.ids import OrganizationId, parse_id
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.oauth.browsers import Agreement, issue_code, places
from chandlery.surfaces.oauth.cookies import SESSION, check_form, cookie, form_token, with_query
from chandlery.surfaces.oauth.rendering import go_to, page
from chandlery.surfaces.oauth.sign_in import SIGN_IN, at_browser
from chandlery.surfaces.oauth.tokens import SURFACE
from chandlery.surfaces.oauth.wiring import wired

PATH: Final = "/oauth/authorize"
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


class AppUnknown(Invalid):
    """The app that sent you here is not known, or not in this way; go back to it and tell its maker."""


class NowhereToAct(Forbidden):
    """You belong to no organisation for which this app may act; ask to be invited to one that uses it."""


class Asked(msgspec.Struct, kw_only=True):
    """What an app asks for (RFC 6749 4.1.1, RFC 7636 4.3); a parameter without a value counts as left out."""

    client_id: str = ""
    redirect_uri: str = ""
    response_type: str = ""
    scope: str = ""
    state: str = ""
    code_challenge: str = ""
    code_challenge_method: str = ""


class Decision(Asked):
    """The same, with what the person has decided."""

    csrf: str = ""
    organization_id: str = ""
    decision: str = ""


@dataclass(frozen=True, slots=True)
class Sound:
    """What was asked, once all of it is known to be in order."""

    client: KnownClient
    redirect_uri: str
    state: str
    challenge: str
    scope: frozenset[str] | None


async def show_consent(call: Call) -> Reply:
    asked: Asked = call.query
    gate = wired(call).gate
    sound = await _examined(gate, asked)
    if isinstance(sound, Reply):
        return sound
    browser = await at_browser(call)
    if browser is None or browser.is_pending:
        return go_to(with_query(SIGN_IN, next=_again(asked)))
    found = await places(gate, browser, sound.client.id)
    if not found:
        raise NowhereToAct
    token, cookies = form_token(gate, call.head)
    granted = sound.client.permissions if sound.scope is None else sound.scope & sound.client.permissions
    target = urlsplit(sound.redirect_uri)
    return page(
        "consent",
        headers=cookies,
        leads_to=f"{target.scheme}://{target.netloc}" if target.netloc else f"{target.scheme}:",
        browser=browser,
        client=sound.client,
        target=target.netloc or f"the app {target.scheme}",
        places=found,
        permissions=[permission for permission in PERMISSIONS if permission.name in granted],
        asked=msgspec.to_builtins(asked),
        csrf=token,
    )


async def decide(call: Call, form: Decision) -> Reply:
    gate = wired(call).gate
    check_form(gate, call.head, form.csrf)
    asked = msgspec.convert(form, Asked, from_attributes=True)
    sound = await _examined(gate, asked)
    if isinstance(sound, Reply):
        return sound
    if form.decision != "allow":
        return _back(gate, sound.redirect_uri, sound.state, error="access_denied")
    organization_id = parse_id(form.organization_id)
    session = cookie(gate, call.head, SESSION)
    code = None
    if organization_id is not None and session is not None:
        agreed = Agreement(
            sound.client.id,
            OrganizationId(organization_id),
            sound.redirect_uri,
            sound.challenge,
            sound.scope,
        )
        code = await issue_code(gate, session, agreed)
    if code is None:  # signed out meanwhile, or no member any more: once more from the beginning
        return go_to(_again(asked))
    return _back(gate, sound.redirect_uri, sound.state, code=code)


async def _examined(gate: Gate, asked: Asked) -> Sound | Reply:
    """What was asked; or the way back to the app, with what is wrong with it."""
    client = await find_known_client(gate, asked.client_id)
    if client is None or client.surface != SURFACE or asked.redirect_uri not in client.redirect_uris:
        raise AppUnknown
    scope = frozenset(asked.scope.split()) or None

    def wrong(error: str, description: str) -> Reply:
        return _back(gate, asked.redirect_uri, asked.state, error=error, error_description=description)

    if "authorization_code" not in client.grants:
        return wrong("unauthorized_client", "This client may not use authorization codes.")
    if asked.response_type != "code":
        return wrong("unsupported_response_type", "The only response_type is code.")
    if asked.code_challenge_method != "S256" or not _CHALLENGE.fullmatch(asked.code_challenge):
        return wrong("invalid_request", "Send a code_challenge with code_challenge_method S256.")
    if scope is not None and not scope <= permissions.EVERY:
        return wrong("invalid_scope", "A scope is a list of permissions, parted by blanks.")
    return Sound(client, asked.redirect_uri, asked.state, asked.code_challenge, scope)


def _back(gate: Gate, redirect_uri: str, state: str, **said: str) -> Reply:
    return go_to(with_query(redirect_uri, **said, state=state, iss=gate.tokens.issuer))


def _again(asked: Asked) -> str:
    return with_query(PATH, **msgspec.to_builtins(asked))
