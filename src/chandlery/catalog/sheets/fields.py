"""What a cell of a price sheet may hold: text in, value out, or a sentence that says what to write instead.

Price sheets repeat themselves, so every reading of a cell is remembered.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from chandlery.kernel.clock import FOREVER
from chandlery.kernel.money import is_currency

_REMEMBERED = 20_000
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+-]{0,69}")
_DECIMAL = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?")
_TERM = re.compile(r"P[1-9][0-9]{0,2}[DWMY]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_MAX_COUNT = 1_000_000_000
_US_DATE = "%m/%d/%Y %I:%M:%S %p"


class CellRefused(ValueError):
    """A cell cannot be read; the text says what to write instead."""


def _limited_text(cell: str, longest: int) -> str:
    text = cell.strip()
    if len(text) > longest:
        raise CellRefused(f"is longer than {longest} characters")
    if _CONTROL.search(text):
        raise CellRefused("holds control characters; remove them")
    return text


@lru_cache(_REMEMBERED)
def name(cell: str) -> str:
    text = _limited_text(cell, 300)
    if not text:
        raise CellRefused("is empty; give a name")
    return text


@lru_cache(_REMEMBERED)
def remark(cell: str) -> str:
    return _limited_text(cell, 2_000)


@lru_cache(_REMEMBERED)
def unit(cell: str) -> str:
    return _limited_text(cell, 50)


@lru_cache(_REMEMBERED)
def code(cell: str) -> str:
    if not _CODE.fullmatch(cell):
        raise CellRefused("is not a code; use up to 70 letters, digits and . _ / + -, without spaces")
    return cell


@lru_cache(_REMEMBERED)
def amount(cell: str) -> str:
    """A price, still as text: the database reads it exactly."""
    if not _DECIMAL.fullmatch(cell):
        raise CellRefused("is not a price; write digits with a decimal point, such as 57.60")
    return cell


@lru_cache(_REMEMBERED)
def currency(cell: str) -> str:
    if not is_currency(cell):
        raise CellRefused("is not a currency; use three upper-case letters of ISO 4217, such as EUR")
    return cell


@lru_cache(_REMEMBERED)
def market(cell: str) -> str:
    if cell and not (len(cell) == 2 and cell.isascii() and cell.isalpha() and cell.isupper()):
        raise CellRefused("is not a market; use two upper-case letters of ISO 3166, or nothing for all")
    return cell


@lru_cache(_REMEMBERED)
def term(cell: str) -> str:
    if cell and not _TERM.fullmatch(cell):
        raise CellRefused("is not a term; use P1M, P1Y or P3Y, or nothing for none")
    return cell


@lru_cache(_REMEMBERED)
def count(cell: str) -> int | None:
    """A bound of a quantity tier; nothing for none."""
    if not cell:
        return None
    if not (cell.isascii() and cell.isdigit() and len(cell) <= 10 and 1 <= int(cell) <= _MAX_COUNT):
        raise CellRefused(f"is not a quantity; use a whole number from 1 to {_MAX_COUNT}")
    return int(cell)


@lru_cache(_REMEMBERED)
def start(cell: str) -> datetime:
    return _moment(cell)


@lru_cache(_REMEMBERED)
def end(cell: str) -> datetime:
    """When a price stops holding. Sheets name the last second of the period; nothing or 9999 is for ever."""
    if not cell:
        return FOREVER
    moment = _moment(cell)
    if moment.year == FOREVER.year:
        return FOREVER
    return moment + timedelta(seconds=1) if moment.second == 59 else moment


def _moment(cell: str) -> datetime:
    for read in (_us_date, datetime.fromisoformat):
        try:
            moment = read(cell)
        except ValueError:
            continue
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    raise CellRefused("is not a date; write 1/31/2026 12:00:00 AM or 2026-01-31")


def _us_date(cell: str) -> datetime:
    return datetime.strptime(cell, _US_DATE)  # noqa: DTZ007 - sheets mean UTC, which the caller adds
