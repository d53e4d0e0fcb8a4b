"""Chandlery's own API: everything, in one consistent dialect, under /v1. See docs/surfaces/native.md.

routes      the table of contents
dialect     how it says who is asking, what went wrong, and where the next page is
fields      the forms of single values
wiring      what it needs beyond the engine
and a file for each resource: its wire shapes and handlers
"""

from __future__ import annotations

from chandlery.surfaces.http.route import Surface
from chandlery.surfaces.native.dialect import NATIVE
from chandlery.surfaces.native.routes import ROUTES

surface = Surface(
    name="native",
    base="",
    title="Chandlery",
    version="1.0",
    routes=ROUTES,
    dialect=NATIVE,
    description=(
        "Commerce and provisioning for distributors, resellers and B2B sellers.\n\n"
        "Ask `/oauth/token` for an access token and send it as a bearer token. Writes take an `Idempotency-Key`: the "
        "same key again answers the same and does nothing. Answers carry an `ETag`; send it back in `If-Match` to "
        "change only what you have seen. Lists take `limit` and `cursor` and answer `items` and `next_cursor`. "
        "Whatever is refused is a problem document (RFC 9457) that names every offending field at once."
    ),
)
