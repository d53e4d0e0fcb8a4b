"""The master key: where it comes from, and what it keeps shut."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from chandlery.identity.errors import MasterKeyUnfit, MasterKeyWrong
from chandlery.identity.secrets import MasterKey, mint

KEY = MasterKey.from_text("0123456789abcdef0123456789abcdef")


def test_a_data_directory_gets_a_key_that_only_its_owner_reads_and_keeps_it(tmp_path: Path) -> None:
    first = MasterKey.in_folder(tmp_path)
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["secret.key"]
    assert MasterKey.in_folder(tmp_path).derive("x") == first.derive("x")


def test_a_short_key_is_refused() -> None:
    with pytest.raises(MasterKeyUnfit):
        MasterKey.from_text("too short")


def test_what_is_sealed_opens_with_the_same_key_and_purpose_alone() -> None:
    sealed = KEY.seal("keys", b"private")
    assert b"private" not in sealed
    assert KEY.open("keys", sealed) == b"private"
    for master, purpose, data in (
        (KEY, "others", sealed),
        (MasterKey.from_text("another master key, long enough!!"), "keys", sealed),
        (KEY, "keys", sealed[:-1] + bytes([sealed[-1] ^ 1])),
        (KEY, "keys", b""),
    ):
        with pytest.raises(MasterKeyWrong):
            master.open(purpose, data)


def test_no_secret_shows_in_a_representation() -> None:
    minted = mint(KEY, "client-secret", "chs_")
    assert minted.plain not in repr(minted)
    assert "0123456789abcdef" not in repr(KEY)
    assert minted.plain.startswith("chs_")
    assert minted.mac == KEY.mac("client-secret", minted.plain) != KEY.mac("refresh-token", minted.plain)
