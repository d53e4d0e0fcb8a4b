"""The tree speaks of the product alone: no machine, no registry, nothing left to be done later.

Patterns are put together from halves, so that this file does not name what it refuses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.house.source import ROOT, Source, every_file, report

REFUSED = {
    "a path of somebody's machine": re.compile(
        r"(?<![\w.~/}-])/(?:work|root|home|Users|opt/wheels|opt/pypi)/\w"
    ),
    "a registry's host": re.compile(
        "py" r"pi\.org|python" r"hosted\.org|registry\.npm" r"js|registry\.yarn" "pkg"
    ),
    "something left to be done later": re.compile(r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b"),
    "a merge that was not finished": re.compile(r"^(?:<{7}|>{7}|\|{7}) ", re.MULTILINE),
}


def untidy(source: Source) -> Iterator[str]:
    for what, pattern in REFUSED.items():
        for found in pattern.finditer(source.text):
            line = source.text.count("\n", 0, found.start()) + 1
            yield f"{source.path}:{line}: {what}: {found.group().strip()}"


def texts() -> Iterator[Source]:
    for path in every_file():
        content = path.read_bytes()
        if b"\0" not in content:
            yield Source(str(path.relative_to(ROOT)), content.decode("utf-8"))


def test_no_file_names_a_machine_a_registry_or_an_unfinished_thing() -> None:
    wrongs = [wrong for source in texts() for wrong in untidy(source)]
    assert not wrongs, report(wrongs)


def test_the_rules_catch_what_they_are_for() -> None:
    def caught(text: str) -> bool:
        return bool(list(untidy(Source("docs/a.md", text))))

    assert caught("see /ro" + "ot/notes")
    assert caught("kept in '/wo" + "rk/main'")
    assert caught("from https://py" + "pi.org/simple")
    assert caught("# TO" + "DO: later")
    assert caught("<<<<" + "<<< HEAD\n")
    assert not caught("GET /v1/work/orders, ~/home/x, the root of the tree, todo lists")
