"""A file is read in one sitting, a function in one glance; a room that outgrows its cap is two rooms."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator

from tests.house.source import Source, is_store, python, report, room_of

FILE_LINES = 350
STORE_LINES = 400
ROUTES_LINES = 400
TEST_FILE_LINES = 600
FUNCTION_LINES = 60
PARAMETERS = 7

ROOM_LINES = 4_000
# The first three attract what belongs elsewhere; the last speaks the largest contract.
ROOM_LINES_OF = {
    ("chandlery", "kernel"): 1_000,
    ("chandlery", "surfaces", "http"): 1_700,
    ("chandlery", "engine"): 5_000,
    ("chandlery", "processes"): 2_000,
    # Every way to prove who one is: passwords, codes, letters, providers, tokens; and groups.
    ("chandlery", "identity"): 6_000,
    ("chandlery", "surfaces", "ordercloud"): 5_000,
}


def cap_of_file(source: Source) -> int:
    if source.path.startswith("tests/"):
        return TEST_FILE_LINES
    if source.name == "routes.py":
        return ROUTES_LINES
    return STORE_LINES if is_store(source) else FILE_LINES


def too_long_files(source: Source) -> Iterator[str]:
    cap = cap_of_file(source)
    if len(source.lines) > cap:
        yield f"{source.path}: {len(source.lines)} lines, at most {cap}: split it by noun or verb"


def too_long_functions(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES:
                yield source.at(node, f"{node.name} has {lines} lines, at most {FUNCTION_LINES}")


def too_many_parameters(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            named = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            count = len([parameter for parameter in named if parameter.arg not in {"self", "cls"}])
            if count > PARAMETERS:
                yield source.at(
                    node, f"{node.name} has {count} parameters, at most {PARAMETERS}: make a command"
                )


def too_large_rooms(sources: Iterable[Source]) -> Iterator[str]:
    totals: Counter[tuple[str, ...]] = Counter()
    for source in sources:
        totals[room_of(source.module)] += len(source.lines)
    for room, lines in sorted(totals.items()):
        cap = ROOM_LINES_OF.get(room, ROOM_LINES)
        if lines > cap:
            yield f"{'.'.join(room)}: {lines} lines in all, at most {cap}"


def test_every_file_is_short_enough() -> None:
    wrongs = [wrong for source in python("src", "tests", "benchmarks") for wrong in too_long_files(source)]
    assert not wrongs, report(wrongs)


def test_every_function_is_short_enough() -> None:
    wrongs = [
        wrong for source in python("src", "tests", "benchmarks") for wrong in too_long_functions(source)
    ]
    assert not wrongs, report(wrongs)


def test_every_function_asks_for_few_things() -> None:
    wrongs = [
        wrong for source in python("src", "tests", "benchmarks") for wrong in too_many_parameters(source)
    ]
    assert not wrongs, report(wrongs)


def test_every_room_keeps_to_its_size() -> None:
    wrongs = list(too_large_rooms(python("src")))
    assert not wrongs, report(wrongs)


def test_the_rules_catch_what_they_are_for() -> None:
    def file_of(lines: int, path: str) -> list[str]:
        return list(too_long_files(Source(path, "x = 1\n" * lines)))

    assert not file_of(350, "src/chandlery/ordering/order.py")
    assert file_of(351, "src/chandlery/ordering/order.py") == [
        "src/chandlery/ordering/order.py: 351 lines, at most 350: split it by noun or verb"
    ]
    assert not file_of(400, "src/chandlery/ordering/_store.py")
    assert file_of(401, "src/chandlery/ordering/_store/lines.py")
    assert file_of(401, "src/chandlery/surfaces/ion/routes.py")
    assert file_of(601, "tests/ordering/test_order.py")

    function = Source("a.py", "async def long() -> None:\n" + "    pass\n" * 60)
    assert list(too_long_functions(function)) == ["a.py:1: long has 61 lines, at most 60"]

    crowded = Source(
        "a.py", "def f(self, a, b, c, d, *, e, g, h): ...\ndef g(a, b, c, d, /, e, *, f, g, h): ...\n"
    )
    assert list(too_many_parameters(crowded)) == ["a.py:2: g has 8 parameters, at most 7: make a command"]

    kernel = [
        Source(f"src/chandlery/kernel/{name}.py", "x = 1\n" * 300)
        for name in ("ids", "money", "clock", "page")
    ]
    assert list(too_large_rooms(kernel)) == ["chandlery.kernel: 1200 lines in all, at most 1000"]
    surfaces = [
        Source(f"src/chandlery/surfaces/{name}/a.py", "x = 1\n" * 4_000) for name in ("ion", "ordercloud")
    ]
    assert not list(too_large_rooms(surfaces))
