"""`chandlery credentials`: what a client of each surface needs to talk to a server that was started with --demo."""

from __future__ import annotations

import sys

import msgspec
from rich.console import Console
from rich.table import Table

from chandlery.app.demo import world
from chandlery.app.settings import Settings
from chandlery.engine.children import CannotStart


def show(settings: Settings, *, as_json: bool) -> None:
    """As one JSON object for scripts, or as a table for people."""
    found = world.read(settings.data / world.FILE)
    if found is None:
        raise CannotStart(
            f"There is no demo world in {settings.data}; start one: chandlery serve --demo --data {settings.data}"
        )
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n")
        return
    console = Console(highlight=False)
    for surface in msgspec.structs.fields(found):
        value = getattr(found, surface.name)
        if isinstance(value, str):
            console.print(f"[bold]{surface.name}[/]  {value}")
            continue
        table = Table(
            title=surface.name, title_justify="left", box=None, show_header=False, padding=(0, 2, 0, 2)
        )
        for name, text in msgspec.structs.asdict(value).items():
            table.add_row(f"[dim]{name}[/]", ", ".join(text) if isinstance(text, tuple) else str(text))
        console.print(table)
