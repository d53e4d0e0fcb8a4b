"""The forms of single values that recur in bodies and query strings, each with an example for the reference."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any, TypeAlias, TypeVar
from uuid import UUID

from msgspec import Meta

from chandlery.kernel.errors import Problem
from chandlery.surfaces.http.errors import QueryRefused

E = TypeVar("E", bound=StrEnum)

Id: TypeAlias = Annotated[UUID, Meta(examples=["01935f1e-8c3a-7b21-9d40-5f6a7b8c9d0e"])]
Name: TypeAlias = Annotated[str, Meta(examples=["Harbour Trading"])]
RoleName: TypeAlias = Annotated[
    str, Meta(description="The name of a built-in role, or the id of one of your own.", examples=["reader"])
]
Currency: TypeAlias = Annotated[str, Meta(description="ISO 4217.", examples=["USD"])]
Sku: TypeAlias = Annotated[
    str, Meta(description="A SKU with exactly one plan on sale, or a plan's code.", examples=["suite-basic"])
]
Quantity: TypeAlias = Annotated[
    int, Meta(ge=1, le=1_000_000_000, description="Within the bounds of the plan.", examples=[5])
]
Characteristics: TypeAlias = Annotated[
    dict[str, Any],
    Meta(description="What the plan wants to know, by name.", examples=[{"domain": "example.com"}]),
]
Attributes: TypeAlias = Annotated[
    dict[str, Any],
    Meta(
        description="Yours to fill: an object for each namespace.",
        examples=[{"erp": {"cost_centre": "4711"}}],
    ),
]


CustomFieldValues: TypeAlias = Annotated[
    dict[str, Any],
    Meta(
        description="By name, as /v1/custom-fields defines them; null takes a value away.",
        examples=[{}],
    ),
]


def parted(given: Iterable[str]) -> tuple[str, ...]:
    """The values of a parameter that may be repeated, or hold several parted by commas."""
    return tuple(text.strip() for part in given for text in part.split(",") if text.strip())


def any_of(kind: type[E], given: Iterable[str], field: str) -> tuple[E, ...]:
    """The same, of known values only."""
    texts = parted(given)
    known = {member.value: member for member in kind}
    unknown = dict.fromkeys(text for text in texts if text not in known)
    if unknown:
        listed = ", ".join(known)
        raise QueryRefused(
            *(Problem(field, f"There is no '{text[:50]}'; use: {listed}.", "choice") for text in unknown)
        )
    return tuple(dict.fromkeys(known[text] for text in texts))
