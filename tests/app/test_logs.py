"""Logs say what happened and hide what must not be known."""

from __future__ import annotations

from chandlery.app.logs import without_secrets


def test_values_of_fields_that_sound_secret_are_hidden() -> None:
    record = {
        "event": "signed in",
        "client_secret": "s",
        "Authorization": "Bearer x",
        "refresh_token": "t",
        "user": "u",
    }
    assert without_secrets(None, "info", dict(record)) == {
        "event": "signed in",
        "client_secret": "(hidden)",
        "Authorization": "(hidden)",
        "refresh_token": "(hidden)",
        "user": "u",
    }
