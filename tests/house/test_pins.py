"""What is installed is what was chosen: exact, hashed, from whichever registry a machine is set up to use."""

from __future__ import annotations

import re
import tomllib
from itertools import chain

import pytest

from tests.house.source import ROOT, report

PIN = re.compile(r"(?P<name>[\w.-]+)==\S+ (; [^\\\n]+ )?\\\n    --hash=sha256:[0-9a-f]{64}")

# Options and forms by which a requirements file is tied to the machine or the registry it was written at.
TIES = re.compile(
    r"^\s*--(?:index-url|extra-index-url|find-links|trusted-host|pre)|://|^\s*-[if]\s", re.MULTILINE
)


def written(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")


def entries(text: str) -> list[str]:
    return [entry for entry in re.split(r"\n(?=\S)", text) if not entry.startswith("#")]


def unpinned(text: str) -> list[str]:
    return [entry.partition("\n")[0] for entry in entries(text) if not PIN.match(entry)]


def pinned(name: str) -> set[str]:
    """The first line of each entry: name, version and marker."""
    return {entry.partition("\n")[0] for entry in entries(written(name))}


def named(requirement: str) -> str:
    found = re.match(r"[\w.-]+", requirement)
    assert found, requirement
    return re.sub(r"[-_.]+", "-", found.group()).lower()


@pytest.mark.parametrize("name", ["runtime", "dev", "lock"])
def test_every_pin_is_exact_and_hashed_and_tied_to_no_registry(name: str) -> None:
    assert entries(written(name))
    assert not unpinned(written(name)), report(unpinned(written(name)))
    assert not TIES.findall(written(name))


def test_everything_asked_for_is_pinned() -> None:
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = asked["dependency-groups"]
    runtime = {named(one) for one in chain(asked["project"]["dependencies"], groups["build"])}
    dev = {named(one) for one in groups["dev"]}
    missing = (runtime - set(map(named, pinned("runtime")))) | (dev - set(map(named, pinned("dev"))))
    assert not missing, f"run `make lock`: {sorted(missing)}"


def test_tests_run_on_the_versions_that_are_served() -> None:
    versions = {pin.partition(" ")[0] for pin in pinned("runtime")}
    assert not versions - {pin.partition(" ")[0] for pin in pinned("dev")}


def test_the_rules_catch_what_they_are_for() -> None:
    hashed = f"psycopg==3.3.9 ; os_name == 'nt' \\\n    --hash=sha256:{'0' * 64}\n"
    assert not unpinned(hashed + hashed)
    assert unpinned("psycopg==3.3.9\n") == ["psycopg==3.3.9"]
    assert unpinned(hashed + hashed.replace("==", ">=")) == ["psycopg>=3.3.9 ; os_name >= 'nt' \\"]
    assert not TIES.search(hashed)
    assert TIES.search("--extra-index-url elsewhere\n")
    assert TIES.search("thing @ https://example.test/thing.whl\n")
