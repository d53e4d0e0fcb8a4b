"""What an operator or a reader must be able to look up is written down."""

from __future__ import annotations

import re
from pathlib import Path

from chandlery.app.settings import help_lines

ROOT = Path(__file__).parents[2]


def test_every_setting_is_in_the_guide() -> None:
    guide = (ROOT / "docs/guides/running.md").read_text()
    assert [name for name, _, _ in help_lines() if f"`{name}`" not in guide] == []


def test_every_link_of_the_readme_leads_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text())
    assert [target for target in targets if not (ROOT / target).exists()] == []
