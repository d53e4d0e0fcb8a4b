"""The tree as the house rules see it: files, their text, and what several rules ask of them.

A rule is a function over a `Source` that yields what is wrong, one line each. So a rule can be shown a
made-up source and seen to catch it, and then the real tree.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).resolve().parents[2]

# What tools leave behind; everything else in the tree is ours.
NOT_OURS = {".git", ".hypothesis", ".venv", "__pycache__", "build", "dist", "node_modules", "var"}


@dataclass(frozen=True)
class Source:
    """One file, by its path from the root of the repository."""

    path: str
    text: str

    @classmethod
    def made_up(cls, path: str, text: str) -> Source:
        return cls(path, dedent(text).lstrip("\n"))

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def module(self) -> tuple[str, ...]:
        """`src/chandlery/ordering/__init__.py` is `("chandlery", "ordering")`."""
        parts = self.path.removeprefix("src/").removesuffix(".py").split("/")
        return tuple(parts[:-1] if parts[-1] == "__init__" else parts)

    def at(self, node: ast.expr | ast.stmt | ast.excepthandler | ast.arg, wrong: str) -> str:
        return f"{self.path}:{node.lineno}: {wrong}"

    def says_why(self, node: ast.expr | ast.stmt, word: str) -> bool:
        """Whether a line of the node carries the escape comment `# <word>: <reason>`."""
        spanned = self.lines[node.lineno - 1 : node.end_lineno]
        return any(line.partition(f"# {word}:")[2].strip() for line in spanned)

    @cached_property
    def docstrings(self) -> set[ast.expr]:
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        return {
            node.body[0].value
            for node in ast.walk(self.tree)
            if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
        }

    def strings(self) -> Iterator[tuple[ast.expr, str]]:
        """Every string that is not a docstring; of an f-string, the part before the first hole."""
        aside = {
            part for node in ast.walk(self.tree) if isinstance(node, ast.JoinedStr) for part in node.values
        } | self.docstrings
        for node in ast.walk(self.tree):
            if isinstance(node, ast.JoinedStr):
                first = node.values[0] if node.values else None
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    yield node, first.value
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in aside:
                yield node, node.value


def every_file() -> Iterator[Path]:
    """Every file of the tree, what tools have built aside."""

    def walk(folder: Path) -> Iterator[Path]:
        for path in sorted(folder.iterdir()):
            if path.name in NOT_OURS or path.is_symlink():
                continue
            if path.is_dir() and not path.name.endswith((".egg-info", "cache")):
                yield from walk(path)
            elif path.is_file():
                yield path

    return walk(ROOT)


def python(*folders: str) -> list[Source]:
    """The Python files below the folders named; a folder that does not exist holds none."""
    return [
        Source(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
    ]


def room_of(module: tuple[str, ...]) -> tuple[str, ...]:
    """The room a module lives in; each surface is a room of its own."""
    return module[:3] if module[1:2] == ("surfaces",) else module[:2]


def is_store(source: Source) -> bool:
    """A room's cupboard: `_store.py`, or any file of a `_store/` package."""
    return "_store" in source.module


def report(wrongs: Iterable[str]) -> str:
    return "\n".join(wrongs)
