"""Which surface hangs where. Each is an ASGI app of its own; this is the only place that knows hosts and prefixes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from chandlery.app.opening import OpenHouse
from chandlery.surfaces import native
from chandlery.surfaces.http.edge import asgi_app as surface_app
from chandlery.surfaces.http.route import Surface
from chandlery.surfaces.oauth.routes import surface as oauth

ASGI = Callable[[Any, Any, Any], Awaitable[None]]

NATIVE = native.surface
OAUTH = oauth(NATIVE.version)
SURFACES: tuple[Surface, ...] = (NATIVE, OAUTH)

# The native API hangs at the root and its token endpoint beside it: two surfaces, one base URL.
_OAUTH_PATHS = ("/oauth/", "/.well-known/")


def asgi_app(opened: OpenHouse) -> ASGI:
    """All surfaces behind one address, each in a house wired for it."""
    root = surface_app(NATIVE, opened.house)
    tokens = surface_app(OAUTH, replace(opened.house, wired=opened.signing_in))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        path: str = scope.get("path", "")
        await (tokens if path.startswith(_OAUTH_PATHS) else root)(scope, receive, send)

    return app
