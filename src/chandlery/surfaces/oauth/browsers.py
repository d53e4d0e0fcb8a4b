"""Somebody at a browser: signed in by a cookie that stands for a row, until they agree to what an app asks for.

A browser session is no session of the API: it says who somebody is and lets them decide, here, what an app may do for
them and in which organisation. From that comes an authorization code, and from the code, for the app that has the PKCE
secret, a session with its tokens.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from chandlery.identity.errors import CredentialsWrong
from chandlery.identity.gate import Gate
from chandlery.identity.secrets import mint
from chandlery.identity.session import Issued, KnownClient
from chandlery.identity.sessions import permissions_held, session_seconds
from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import ClientId, IdentityProviderId, OrganizationId, SessionId, UserId, new_id
from chandlery.surfaces.oauth import _store as store
from chandlery.surfaces.oauth._store import Browser, Place
from chandlery.surfaces.oauth.dialect import AuthorizationCodeWrong

__all__ = ["Browser", "Place"]

COOKIE: Final = "browser-session"
CODE: Final = "authorization-code"
GOOD_FOR: Final = timedelta(hours=12)
PENDING_FOR: Final = timedelta(minutes=5)
CODE_GOOD_FOR: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who has shown who they are, and how: `proof` as of `KnownUser`, or the provider that vouches for them.

    `is_pending`: the second factor is still to come. `instead` is the cookie of such a session, which this one follows.
    """

    user_id: UserId
    proof: str | None = field(default=None, repr=False)
    provider_id: IdentityProviderId | None = None
    is_pending: bool = False
    instead: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Agreement:
    """What somebody has agreed to, in their browser."""

    client_id: ClientId
    organization_id: OrganizationId
    redirect_uri: str
    challenge: str
    scope: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Redemption:
    """A client that names the `redirect_uri` again must name the same; PKCE does not need it (OAuth 2.1)."""

    code: str = field(repr=False)
    verifier: str = field(repr=False)
    redirect_uri: str | None = None


async def open_browser_session(gate: Gate, who: SignedIn) -> str:
    """The value of the cookie; a new one each time, so that nobody can have put it there before."""
    cookie = mint(gate.master, COOKIE, "chb_")
    now = gate.engine.clock.now()
    new = store.NewBrowser(
        cookie.mac,
        who.user_id,
        who.proof,
        who.provider_id,
        who.is_pending,
        None if who.instead is None else gate.master.mac(COOKIE, who.instead),
    )
    good_for = PENDING_FOR if who.is_pending else GOOD_FOR
    if not await gate.engine.look_up(store.open_session(new, now, now + good_for)):
        raise CredentialsWrong
    return cookie.plain


async def find_browser(gate: Gate, cookie: str) -> Browser | None:
    mac = gate.master.mac(COOKIE, cookie)
    return await gate.engine.look_up(store.find(mac, gate.engine.clock.now()))


async def end_browser_session(gate: Gate, cookie: str) -> None:
    await gate.engine.look_up(store.end(gate.master.mac(COOKIE, cookie)))


async def places(gate: Gate, browser: Browser, client_id: ClientId) -> list[Place]:
    """The organisations for which this person may act through that client, the likeliest first."""
    return await gate.engine.look_up(store.places(browser.user_id, client_id, browser.provider_id))


async def issue_code(gate: Gate, cookie: str, agreed: Agreement) -> str | None:
    """None when the browser's session, or the right to act there, ended meanwhile."""
    code = mint(gate.master, CODE, "chc_")
    now = gate.engine.clock.now()
    added = await gate.engine.look_up(
        store.add_code(
            store.NewCode(
                code.mac,
                gate.master.mac(COOKIE, cookie),
                agreed.client_id,
                agreed.organization_id,
                agreed.redirect_uri,
                agreed.challenge,
                agreed.scope,
            ),
            now,
            now + CODE_GOOD_FOR,
        )
    )
    return code.plain if added else None


async def redeem_code(gate: Gate, client: KnownClient, command: Redemption) -> Issued:
    """A session for a code, its client and its PKCE secret, all in one statement; any mismatch spends the code."""
    wants_refresh = "refresh_token" in client.grants and client.lifetimes.refresh_seconds > 0
    refresh = gate.mint_refresh_token() if wants_refresh else None
    session_id = SessionId(new_id())
    redeemed = await gate.engine.look_up(
        store.redeem(
            store.Redeeming(
                gate.master.mac(CODE, command.code),
                client.id,
                command.redirect_uri,
                challenge_of(command.verifier),
                session_id,
                client.surface,
                session_seconds(client.lifetimes, refresh is not None),
                refresh.mac if refresh else None,
            ),
            gate.engine.clock.now(),
        )
    )
    if redeemed is None:
        raise AuthorizationCodeWrong
    actor = Actor(
        tenant_id=redeemed.rights.tenant_id,
        organization_id=redeemed.organization_id,
        permissions=permissions_held(
            redeemed.rights, redeemed.user_id, redeemed.organization_id, redeemed.scope
        ),
        surface=client.surface,
        session_id=session_id,
        epoch=1,
        user_id=redeemed.user_id,
        client_id=client.id,
    )
    return Issued(actor, client.lifetimes, refresh.plain if refresh else None)


def challenge_of(verifier: str) -> str:
    """RFC 7636, S256: the only method there is."""
    digest = hashlib.sha256(verifier.encode("ascii", "replace")).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
