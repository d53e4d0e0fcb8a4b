"""What a room keeps behind an underscore stays in that room, and every name says what it holds."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath

from tests.house.source import Source, python, report, room_of

# Names under which anything fits, so that everything ends up there.
SAYS_NOTHING = {
    "base",
    "common",
    "helper",
    "helpers",
    "manager",
    "managers",
    "misc",
    "service",
    "services",
    "shared",
}
SAYS_NOTHING |= {"util", "utils"}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def imported_names(source: Source) -> Iterator[tuple[ast.stmt, tuple[str, ...]]]:
    """Every dotted name that a file imports; `from a import b` is `a.b`, whatever b turns out to be."""
    package = source.module if source.name == "__init__.py" else source.module[:-1]
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, tuple(alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            for alias in node.names:
                yield node, (*above, *(node.module or "").split("."), alias.name)


def broken_doors(source: Source) -> Iterator[str]:
    for node, name in imported_names(source):
        ours = name[0] == "chandlery"
        if ours and any(map(is_private, name)) and room_of(name) != room_of(source.module):
            yield source.at(node, f"{'.'.join(name)} is private to {'.'.join(room_of(name))}")


def empty_names(source: Source) -> Iterator[str]:
    for part in PurePosixPath(source.path.removesuffix(".py")).parts:
        if part.strip("_") in SAYS_NOTHING:
            yield f"{source.path}: `{part}` says nothing: name the noun or the verb"


def silent_modules(source: Source) -> Iterator[str]:
    if not ast.get_docstring(source.tree):
        yield f"{source.path}: opens without a docstring that says what it is and why it exists"


def test_no_room_reaches_behind_another_rooms_door() -> None:
    wrongs = [wrong for source in python("src") for wrong in broken_doors(source)]
    assert not wrongs, report(wrongs)


def test_every_file_and_folder_is_named_for_what_it_holds() -> None:
    wrongs = [
        wrong for source in python("src", "tests", "benchmarks", "clients") for wrong in empty_names(source)
    ]
    assert not wrongs, report(wrongs)


def test_every_module_says_what_it_is() -> None:
    wrongs = [wrong for source in python("src", "benchmarks") for wrong in silent_modules(source)]
    assert not wrongs, report(wrongs)


def test_the_rules_catch_what_they_are_for() -> None:
    intruder = Source.made_up(
        "src/chandlery/billing/charges.py",
        """
        import chandlery.ordering._store
        from chandlery.ordering import _store
        from chandlery.ordering._store.lines import load
        from chandlery.ordering.order import _total
        from chandlery.billing import _store as ours
        from chandlery import __version__
        from ..catalog import _store
        from elsewhere import _private
        """,
    )
    assert [wrong.partition(": ")[0].rpartition(":")[2] for wrong in broken_doors(intruder)] == [
        "1", "2", "3", "4", "7",
    ]  # fmt: skip
    surface = Source(
        "src/chandlery/surfaces/ion/orders.py", "from chandlery.surfaces.native._wire import x\n"
    )
    (wrong,) = broken_doors(surface)
    assert wrong.endswith(":1: chandlery.surfaces.native._wire.x is private to chandlery.surfaces.native")
    neighbour = Source("src/chandlery/surfaces/ion/orders.py", "from chandlery.surfaces.ion._wire import x\n")
    assert not list(broken_doors(neighbour))

    assert list(empty_names(Source("src/chandlery/ordering/_utils.py", "")))
    assert list(empty_names(Source("src/chandlery/services/order.py", "")))
    assert not list(empty_names(Source("src/chandlery/ordering/drafts.py", "")))

    assert list(silent_modules(Source("src/chandlery/ordering/order.py", "x = 1\n")))
    assert not list(silent_modules(Source("src/chandlery/ordering/order.py", '"""An order."""\n')))
