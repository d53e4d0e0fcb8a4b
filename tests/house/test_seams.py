"""Tests use seams, not patches: a test that replaces the inside of what it tests says nothing about it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.house.source import Source, python, report

PATCHES = {f"monkeypatch.{act}{what}" for act in ("set", "del") for what in ("attr", "item")}
PATCHING = {"mock", "mocker", "pytest_mock", "flexmock", "asynctest"}


def patches(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import) and PATCHING & {
            part for a in node.names for part in a.name.split(".")
        }:
            yield source.at(node, "imports a patching library")
        elif isinstance(node, ast.ImportFrom):
            if PATCHING & {*(node.module or "").split("."), *(alias.name for alias in node.names)}:
                yield source.at(node, "imports a patching library")
        elif isinstance(node, ast.arg) and node.arg == "mocker":
            yield source.at(node, "asks for a patching fixture")
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in PATCHES:
            yield source.at(node, "patches: pass a transport, a clock or a provider in")


def test_no_test_patches() -> None:
    wrongs = [
        wrong for source in python("tests", "src", "clients", "benchmarks") for wrong in patches(source)
    ]
    assert not wrongs, report(wrongs)


def test_the_rule_catches_what_it_is_for() -> None:
    text = """
    import unittest.mock
    from unittest import mock
    from unittest.mock import patch
    def test_a(mocker): ...
    def test_b(monkeypatch):
        monkeypatch.setattr(clock, "now", lambda: 0)
        monkeypatch.setenv("CHANDLERY_DATA", "x")
    import unittest
    """
    found = patches(Source.made_up("tests/ordering/test_order.py", text))
    assert sorted(int(wrong.split(":")[1]) for wrong in found) == [1, 2, 3, 4, 6]
