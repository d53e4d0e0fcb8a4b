"""Builders for parties."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.parties.address import Postal
from tests.builders import allowed

A_POSTAL = Postal(
    lines=("Hauptstraße 5", "Hinterhaus"),
    city="Jena",
    country="DE",
    postcode="07743",
    company="Muster & Söhne GmbH",
    given_name="Jo",
    family_name="Muster",
    email="post@example.com",
)


def a_postal(**changes: Any) -> Postal:
    return replace(A_POSTAL, **changes)


def clerk(actor: Actor) -> Actor:
    """Somebody who keeps the address book."""
    return allowed(actor, permissions.PARTIES_READ, permissions.PARTIES_WRITE)
