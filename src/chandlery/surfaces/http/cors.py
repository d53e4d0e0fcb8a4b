"""What browsers ask before, and are told with, a request of another origin's page; and which methods a path takes."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection

from chandlery.surfaces.http.errors import PathUnknown
from chandlery.surfaces.http.head import Head
from chandlery.surfaces.http.route import Reply

_EXPOSED = (
    b"Location, ETag, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, RateLimit-Policy, RateLimit, "
    b"X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Idempotency-Replayed, X-Request-Id, Link"
)
_HEADER_LIST = re.compile(rb"[A-Za-z0-9, _-]{1,1000}")


async def cors_headers(
    head: Head, allows_origin: Callable[[str], Awaitable[bool]]
) -> list[tuple[bytes, bytes]]:
    origin = head.headers[b"origin"]
    if not await allows_origin(origin.decode("latin-1")):
        return [(b"vary", b"Origin")]
    return [
        (b"vary", b"Origin"),
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", _EXPOSED),
    ]


def allowed(methods: Collection[str]) -> str:
    return ", ".join(sorted({*methods, "OPTIONS"}))


def options(head: Head, methods: Collection[str] | None) -> Reply:
    """What may be done here; for a browser that asks on behalf of a page, also with which headers."""
    allow = allowed(methods) if methods else "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
    if b"access-control-request-method" not in head.headers:
        if methods is None:
            raise PathUnknown
        return Reply(status=204, headers=(("allow", allow),))
    wanted = head.headers.get(b"access-control-request-headers", b"")
    return Reply(
        status=204,
        headers=(
            ("access-control-allow-methods", allow),
            ("access-control-allow-headers", wanted.decode() if _HEADER_LIST.fullmatch(wanted) else ""),
            ("access-control-max-age", "600"),
        ),
    )
