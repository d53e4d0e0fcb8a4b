"""Postal addresses as they stand on parcels and papers."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from chandlery.parties.address import Postal
from chandlery.surfaces.http.decoding import Body


class PostalBody(Body):
    """To whom and where. What is left out is empty; `country` is ISO 3166-1, two letters."""

    lines: Annotated[list[str], Meta(description="Street first.", examples=[["Harbour Street 1"]])]
    city: Annotated[str, Meta(examples=["Hamburg"])]
    country: Annotated[str, Meta(examples=["DE"])]
    postcode: Annotated[str, Meta(examples=["20457"])] = ""
    region: str = ""
    district: str = ""
    company: str = ""
    salutation: str = ""
    title: str = ""
    given_name: str = ""
    family_name: str = ""
    phone: str = ""
    mobile: str = ""
    fax: str = ""
    email: str = ""


def postal(body: PostalBody | None) -> Postal | None:
    return None if body is None else msgspec.convert(msgspec.to_builtins(body), Postal)


def postal_body(address: Postal | None) -> PostalBody | None:
    return None if address is None else msgspec.convert(msgspec.to_builtins(address), PostalBody)
