"""A fresh copy of the tree sets itself up, also when two people ask at once, and asking again is free."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.house.source import ROOT, every_file

pytestmark = pytest.mark.long


@pytest.fixture
def fresh_copy(tmp_path: Path) -> Path:
    """The tree in another place, where no .venv is yet."""
    for path in every_file():
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
    return tmp_path


def outside_make() -> dict[str, str]:
    """This environment without what the make that runs the tests tells the makes below it."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}


def make(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["make", *words], cwd=folder, env=outside_make(), text=True, stderr=subprocess.PIPE
    )


def test_two_makes_at_once_set_up_one_working_environment(fresh_copy: Path) -> None:
    both = [make(fresh_copy, "setup"), make(fresh_copy, "setup")]
    for one in both:
        _, said = one.communicate(timeout=900)
        assert one.returncode == 0, said

    ready = fresh_copy / ".venv" / ".ready"
    asked_again = make(fresh_copy, "--question", "setup")
    asked_again.communicate(timeout=60)
    assert ready.exists()
    assert asked_again.returncode == 0, "make would set up again"

    python = fresh_copy / ".venv" / "bin" / "python"
    checked = subprocess.run(
        [python, "-m", "pip", "check"], capture_output=True, text=True, timeout=120, check=False
    )
    assert checked.returncode == 0, checked.stdout
    where = subprocess.run(
        [python, "-c", "import chandlery; print(chandlery.__file__)"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd="/",
    )
    assert Path(where.stdout.strip()) == fresh_copy / "src" / "chandlery" / "__init__.py"


def test_without_a_suitable_python_setup_says_what_to_install(fresh_copy: Path) -> None:
    refused = make(fresh_copy, "setup", "PYTHON=no-such-python")
    _, said = refused.communicate(timeout=60)
    assert refused.returncode == 2
    assert "Python 3.11 or later with venv and pip is needed" in said
    assert not (fresh_copy / ".venv").exists()
