"""Setting a paper: Typst makes the PDF, with the fonts that it brings along and nothing of the machine's own.

The same data gives the same bytes. What people wrote arrives as data and is printed as it is: the template never
evaluates it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time
from functools import cache
from importlib.resources import files
from threading import Lock
from typing import Any, Final, Literal, cast

import msgspec
import typst

AT_ONCE: Final = 2
"""A long paper takes a core for a second: requests must still get theirs."""

_setters = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="typesetting")
_fonts_lock = Lock()


async def typeset(data: Mapping[str, Any], dated: date) -> bytes:
    """The PDF of what `Paper.as_data` gave."""
    (pdf,) = await asyncio.get_running_loop().run_in_executor(_setters, render, data, dated, "pdf")
    return pdf


def render(data: Mapping[str, Any], dated: date, form: Literal["pdf", "png"]) -> list[bytes]:
    """One PDF, or a picture for each page; takes its time and belongs in a thread."""
    rendered = typst.compile(
        _template(),
        format=form,
        font_paths=_fonts(),
        ignore_system_fonts=True,
        sys_inputs={"paper": msgspec.json.encode(data).decode()},
        timestamp=datetime.combine(dated, time(), UTC),
    )
    pages = cast("bytes | list[bytes]", rendered)  # its stubs know of one picture only
    return pages if isinstance(pages, list) else [pages]


@cache
def _template() -> bytes:
    return (files("chandlery.billing") / "typst" / "paper.typ").read_bytes()


def _fonts() -> typst.Fonts:
    with _fonts_lock:  # found once, not once for each of several first callers
        return _found_fonts()


@cache
def _found_fonts() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=False)
