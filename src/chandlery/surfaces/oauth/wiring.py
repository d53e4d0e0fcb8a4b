"""What the token endpoint and the sign-in pages need, as `app` wires it into `House.wired`."""

from __future__ import annotations

from dataclasses import dataclass

from chandlery.identity.gate import Gate
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.oauth.openid import OpenId


@dataclass(frozen=True, slots=True)
class Wiring:
    gate: Gate
    openid: OpenId


def wired(call: Call) -> Wiring:
    found: Wiring = call.house.wired
    return found
