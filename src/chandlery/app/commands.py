"""The operator's commands: `chandlery serve`, `demo`, `credentials`, `migrate`, `worker`, `import-prices`, and more."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Annotated, NoReturn

from cyclopts import App, Parameter
from rich.console import Console

from chandlery.app.settings import Settings, SettingsUnusable, load
from chandlery.engine.children import CannotStart, die_with_parent

app = App(
    name="chandlery",
    help="A self-hosted commerce and provisioning server.",
    version_flags=["--version"],
)

Port = Annotated[int | None, Parameter(help="port to listen on (8080)")]
Data = Annotated[Path | None, Parameter(help="data directory of the embedded database and the secret key")]


def main() -> None:
    die_with_parent()  # of the demo and the tests; does nothing when a person starts us
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # until a server takes over: leave in good order
    try:
        app()
    except (SettingsUnusable, CannotStart) as refusal:
        fail(str(refusal))
    except KeyboardInterrupt:
        sys.exit(130)


def fail(why: str) -> NoReturn:
    Console(stderr=True).print(f"[bold red]chandlery:[/] {why}", highlight=False, soft_wrap=True)
    sys.exit(1)


def _settings(port: int | None = None, data: Path | None = None, host: str | None = None) -> Settings:
    return load(os.environ, port=port, data=data.expanduser() if data else None, host=host)


def _say(line: str) -> None:
    print(line, flush=True)


@app.command
def serve(*, demo: bool = False, port: Port = None, data: Data = None, host: str | None = None) -> None:
    """Start everything and serve until Ctrl-C.

    Parameters
    ----------
    demo
        Load the demo world first: two price lists, a reseller with customers, orders, a subscription.
    host
        address to listen on (127.0.0.1)
    """
    from chandlery.app.serving import serve as run

    run(_settings(port, data, host), demo=demo, say=_say)


@app.command
def demo(*, keep: bool = False) -> None:
    """Walk the main job against a throw-away server and show each step.

    Parameters
    ----------
    keep
        Leave the throw-away data directory behind, to look around in it.
    """
    from chandlery.app.demo.play import play

    sys.exit(play(keep=keep))


@app.command
def credentials(*, json: bool = False, data: Data = None) -> None:
    """Print what a client of each surface needs, for a server started with --demo on that data directory.

    Parameters
    ----------
    json
        As one JSON object instead of a table.
    """
    from chandlery.app.credentials import show

    show(_settings(data=data), as_json=json)


@app.command
def migrate(*, data: Data = None) -> None:
    """Bring the database to the newest schema."""
    from chandlery.app.maintenance import migrate as run

    run(_settings(data=data))


@app.command
def found(*, name: str, sandbox: bool = False, json: bool = False, data: Data = None) -> None:
    """Found a tenant: an operator, and an API client that holds every right.

    Parameters
    ----------
    name
        The operator's name.
    sandbox
        A tenant whose clock can be moved forward.
    json
        As one JSON object.
    """
    from chandlery.app.maintenance import found as run

    run(_settings(data=data), name, is_sandbox=sandbox, as_json=json)


@app.command
def worker(*, data: Data = None) -> None:
    """Run one more worker beside a server that runs."""
    from chandlery.app.maintenance import run_worker

    run_worker(_settings(data=data))


@app.command
def import_prices(
    file: Path,
    *,
    tenant: str | None = None,
    form: Annotated[str | None, Parameter(name="--format")] = None,
    strict: bool = False,
    data: Data = None,
) -> None:
    """Import a price sheet, with a progress bar and a report of what was added, changed and ended.

    Parameters
    ----------
    file
        A CSV file.
    tenant
        The operator's organisation id; not needed where there is only one.
    form
        The format of the sheet; found by its header unless given.
    strict
        Import nothing when any row is bad.
    """
    from chandlery.app.price_import import import_file

    sys.exit(import_file(_settings(data=data), file, tenant_id=tenant, form=form, strict=strict))


@app.command
def simulate_vendor(*, secret: str, port: int = 8090, callback_url: str | None = None) -> None:
    """Be a vendor over HTTP, to try a provider on; the characteristic `simulate` of a line tells how to fail.

    Parameters
    ----------
    secret
        What the server showed when the provider was set up (whsec_...).
    port
        port to listen on
    callback_url
        The provider's callback_url, to be called when something that was accepted is done.
    """
    from chandlery.app.simulated_vendor import run

    run(secret, port, callback_url, _say)


@app.command
def doctor(*, data: Data = None) -> None:
    """Check settings, database, migrations and worker; say what is wrong and what to do."""
    from chandlery.app.doctor import examine

    sys.exit(examine(_settings(data=data)))


if __name__ == "__main__":
    main()
