"""Countries and their regions, by ISO 3166, as the `pycountry` library keeps them.

Rooms and wires hold the two letters of ISO 3166-1; the three letters, the number and the name are here for whoever
must say them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import pycountry


@dataclass(frozen=True, slots=True)
class Country:
    """`DE`, `DEU`, 276, `Germany`."""

    alpha2: str
    alpha3: str
    numeric: int
    name: str


@dataclass(frozen=True, slots=True)
class Region:
    """A state, province or the like: `US-CA`, `CA`, `California`."""

    code: str
    short: str
    name: str


@cache
def countries() -> dict[str, Country]:
    """All of them by their two letters, in the order of their names."""
    every = sorted(pycountry.countries, key=lambda item: str(item.name))
    return {
        item.alpha_2: Country(
            item.alpha_2, item.alpha_3, int(item.numeric), getattr(item, "common_name", item.name)
        )
        for item in every
    }


def is_country(alpha2: str) -> bool:
    return alpha2 in countries()


@cache
def by_alpha3(alpha3: str) -> Country | None:
    return next((country for country in countries().values() if country.alpha3 == alpha3), None)


@cache
def regions(alpha2: str) -> tuple[Region, ...]:
    """The first level of a country's subdivisions, by name; empty for one that has none."""
    found = pycountry.subdivisions.get(country_code=alpha2) or ()  # type: ignore[no-untyped-call]
    return tuple(
        sorted(
            (
                Region(item.code, item.code.partition("-")[2], item.name)
                for item in found
                if item.parent_code is None
            ),
            key=lambda region: region.name,
        )
    )
