"""VAT numbers: brought to one form and checked by their country's own rules, check digits included.

`python-stdnum` knows the rules. A number of a country it does not know is taken as it is, if it could be one.
"""

from __future__ import annotations

import re

from stdnum.eu import vat as european
from stdnum.exceptions import ValidationError
from stdnum.util import get_cc_module

from chandlery.parties.countries import is_country

_SEPARATORS = re.compile(r"[\s./-]")
_PLAUSIBLE = re.compile(r"[A-Z0-9]{4,20}")
_PREFIX = {"GR": "EL"}
"""Greece, whose VAT numbers begin with other letters than its country code."""

_UNION = frozenset(_PREFIX.get(member.upper(), member.upper()) for member in european.MEMBER_STATES)


def in_union(country: str) -> bool:
    """Whether a country (ISO 3166-1, two letters) belongs to the European Union."""
    return _PREFIX.get(country, country) in _UNION


def union_country(vat_number: str) -> str | None:
    """The member state (two letters) that gave out a canonical VAT number; None when none did."""
    prefix = vat_number[:2]
    country = {own: code for code, own in _PREFIX.items()}.get(prefix, prefix)
    return country if prefix in _UNION and vat_number[2:] else None


def canonical_vat(text: str, country: str | None) -> str | None:
    """`de 136.695 976` becomes `DE136695976`; None when the number fails its country's rules.

    European numbers may belong to another country than the company's: who trades there registers there.
    """
    number = _SEPARATORS.sub("", text).upper()
    prefix = number[:2]
    if prefix in _UNION and (european_number := _european(number)) is not None:
        return european_number
    return _of_country(number, country if country is not None and is_country(country) else prefix)


def _of_country(number: str, country: str) -> str | None:
    prefix = _PREFIX.get(country, country)
    if prefix in _UNION:
        return _european(number if number.startswith(prefix) else prefix + number)
    rules = get_cc_module(country.lower(), "vat") if is_country(country) else None
    if rules is None:
        return number if _PLAUSIBLE.fullmatch(number) else None
    try:
        checked = rules.validate(number)
    except ValidationError:
        return None
    return checked if checked.startswith(prefix) or not number.startswith(prefix) else prefix + checked


def _european(number: str) -> str | None:
    try:
        return european.validate(number)
    except ValidationError:
        return None
