"""From a matter to a letter: template, letterhead, language, and the HTML part made from the finished text.

The text is written first and escaped afterwards, as a whole: what a customer typed is never read as markup.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from chandlery.billing.figures import date_text, money_text, number_text, spoken
from chandlery.engine.mail import Letter, post_letter
from chandlery.engine.unit_of_work import Unit
from chandlery.kernel.ids import LetterId, OrganizationId
from chandlery.kernel.text import is_one_line
from chandlery.parties.companies import Letterhead, letterhead_in_use
from chandlery.processes.letters.matters import Matter

COLOUR: Final = "#1f5f8b"
BRAND: Final = "Chandlery"
WIDTH: Final = 72
_CAMEL = re.compile(r"(?<!^)(?=[A-Z])")
_LINK = re.compile(r"https?://\S+")
_FIGURES = re.compile(r" {2,}(?=\S+(?: [A-Z]{3})?$)")


@dataclass(frozen=True, slots=True)
class Reader:
    """To whom: an address, and the language they chose; without one, the organisation's."""

    mailbox: str
    name: str = ""
    language: str = ""


async def send(unit: Unit, organization_id: OrganizationId, reader: Reader, matter: Matter) -> LetterId:
    """Write and queue a letter in this unit of work, as the organisation's letterhead has it."""
    letterhead = await unit.fetch(letterhead_in_use(organization_id))
    return post_letter(unit, compose(matter, reader, letterhead), organization_id)


def compose(matter: Matter, reader: Reader, letterhead: Letterhead) -> Letter:
    """The letter, ready to be queued."""
    language = spoken(reader.language or letterhead.language)
    brand = letterhead.brand or BRAND
    facts = {item.name: _one_line(getattr(matter, item.name)) for item in fields(matter)}
    written = _template(_CAMEL.sub("_", type(matter).__name__).lower(), language).render(
        {**facts, "reader": _one_line(reader.name), "brand": brand}
    )
    subject, _, text = written.partition("\n")
    text = re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
    if letterhead.footer:
        text += f"\n-- \n{letterhead.footer}\n"
    return Letter(
        to=reader.mailbox,
        subject=subject[:200],
        text=text,
        html=as_html(text, brand, letterhead.colour or COLOUR, language),
        language=language,
        sender=letterhead.sender,
        sender_name=brand,
        reply_to=letterhead.reply_to,
    )


def as_html(text: str, brand: str, colour: str, language: str) -> str:
    """Blank lines part paragraphs; a link that stands alone is a button; indented lines are a table."""
    body, _, footer = text.partition("\n-- \n")
    blocks = "\n".join(_block(block, colour) for block in body.strip("\n").split("\n\n"))
    small = f'<p style="color:#777;font-size:12px">{_lines(footer)}</p>' if footer else ""
    return (
        f'<!doctype html>\n<html lang="{html.escape(language)}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"></head>\n'
        '<body style="margin:0;background:#f4f5f7;font:16px/1.5 Helvetica,Arial,sans-serif;color:#222">\n'
        f'<div style="max-width:560px;margin:24px auto;padding:32px;background:#fff;border-top:4px solid {colour}">\n'
        f'<p style="font-size:20px;font-weight:bold;color:{colour};margin:0 0 24px">{html.escape(brand)}</p>\n'
        f"{blocks}\n{small}</div></body></html>\n"
    )


def _block(block: str, colour: str) -> str:
    if _LINK.fullmatch(block.strip()):
        link = html.escape(block.strip())
        return (
            f'<p style="margin:24px 0"><a href="{link}" style="background:{colour};color:#fff;padding:12px 24px;'
            f'border-radius:4px;text-decoration:none;display:inline-block">{_short(link)}</a></p>'
        )
    if all(line.startswith("    ") for line in block.split("\n")):
        rows = "".join(_row(line.strip()) for line in block.split("\n"))
        return f'<table style="width:100%;border-collapse:collapse;margin:16px 0">{rows}</table>'
    return f"<p>{_lines(block)}</p>"


def _row(line: str) -> str:
    what, *figure = _FIGURES.split(line)
    cell = "padding:6px 0;border-bottom:1px solid #e5e7eb"
    right = f'<td style="{cell};text-align:right;white-space:nowrap">{html.escape("".join(figure))}</td>'
    return f'<tr><td style="{cell}">{html.escape(what)}</td>{right}</tr>'


def _lines(text: str) -> str:
    return html.escape(text.strip()).replace("\n", "<br>")


def _short(link: str) -> str:
    """What a button says: the host, so that the reader sees where it leads."""
    return link.partition("://")[2].partition("/")[0] + " →"


def _one_line(fact: Any) -> Any:
    """What people named things: no name can begin a paragraph, or put a button of its own into a letter."""
    if not isinstance(fact, str):
        return fact
    return " ".join("".join(c if is_one_line(c) else " " for c in fact).split())


def _line(what: str, figure: str = "") -> str:
    """An indented line with its figure at the right margin."""
    plain = _one_line(what)
    space = max(2, WIDTH - 4 - len(plain) - len(figure))
    return f"    {plain}{' ' * space}{figure}" if figure else f"    {plain}"


@cache
def _template(matter: str, language: str) -> Template:
    return _environment(language).get_template(f"{matter}.{language}.txt")


@cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=PackageLoader("chandlery.processes.letters"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - this is text; as_html escapes it as a whole
    )

    def date_of(moment: datetime) -> str:
        return date_text(moment, language)

    environment.filters["date"] = date_of
    environment.filters["money"] = lambda money: "" if money is None else money_text(money, language)
    environment.filters["number"] = lambda number: number_text(number, language)
    environment.globals["line"] = _line
    return environment
