"""One road to a write, SQL in its cupboards and made of constants, and no failure that nobody sees.

Where a rule must give way, a comment on the spot says why: `# sql: <reason>`, `# edge: <reason>`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from tests.house.source import Source, is_store, python, report

THE_ROAD = "src/chandlery/engine/"

# Where a failure of any kind may be caught, to be logged and seen: the edges of the process.
EDGES = (
    "src/chandlery/app/",
    "src/chandlery/engine/",
    "src/chandlery/processes/",
    "src/chandlery/surfaces/http/",
)

COMMIT = re.compile(r"\s*commit(\s+(work|transaction))?\s*;?\s*", re.IGNORECASE)

SQL = re.compile(
    r"\s*(select\s.+\sfrom\s|insert\s+into\s|update\s+[\w.]+(\s+(as\s+)?\w+)?\s+set\s|delete\s+from\s|merge\s+into\s"
    r"|with\s+(recursive\s+)?\w+(\s*\([^)]*\))?\s+as\s+((not\s+)?materialized\s*)?\(|copy\s.+\s(from|to)\s+std"
    r"|(create|alter|drop)\s+(table|index|function|policy|role|schema|view)\s|truncate\s|set\s+(local|session)\s)",
    re.IGNORECASE | re.DOTALL,
)

# What takes a statement as its first argument, whatever object it belongs to.
TAKES_SQL = {"copy", "execute", "executemany", "fetch_all", "fetch_one", "fetch_value", "stream"}
TAKES_SQL |= {"Query", "SQL"}


def called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def commits(source: Source) -> Iterator[str]:
    """Places that end a transaction; comparing a tag with "COMMIT" is not one."""
    compared = {
        part for node in ast.walk(source.tree) if isinstance(node, ast.Compare) for part in ast.walk(node)
    }
    statements = [node for node, text in source.strings() if COMMIT.fullmatch(text) and node not in compared]
    calls = [node for node in ast.walk(source.tree) if isinstance(node, ast.Call)]
    for node in [*statements, *(call for call in calls if called(call) in {"commit", "transaction"})]:
        if not source.says_why(node, "sql"):
            yield source.at(node, "commits")


def second_roads(sources: Iterable[Source]) -> list[str]:
    """Every commit but the one that the engine needs."""
    places = [place for source in sources for place in commits(source)]
    the_road = next((place for place in places if place.startswith(THE_ROAD)), None)
    return [place for place in places if place != the_road]


def swallowed(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = ast.walk(node.type) if node.type else ()
        names = {part.id for part in caught if isinstance(part, ast.Name)}
        anything = node.type is None or names & {"Exception", "BaseException"}
        last = node.body[-1]
        passes_on = isinstance(last, ast.Raise) and last.exc is None
        line = source.lines[node.lineno - 1]
        at_an_edge = source.path.startswith(EDGES) and line.partition("# edge:")[2].strip()
        if anything and not passes_on and not at_an_edge:
            yield source.at(
                node, "catches everything: name the error, or stand at an edge and say `# edge: why`"
            )


def strayed_sql(source: Source) -> Iterator[str]:
    at_home = is_store(source) or source.path.startswith(
        ("src/chandlery/engine/", "src/chandlery/migrations/")
    )
    if not at_home:
        for node, text in source.strings():
            if SQL.match(text) and not source.says_why(node, "sql"):
                yield source.at(node, "SQL outside the engine and the room's _store")


def composes(node: ast.AST) -> bool:
    """Whether text is built from parts: f"{x}", "..." + x, "..." % x, "...".format(x), "...".join(x)."""
    if isinstance(node, ast.JoinedStr):
        return any(isinstance(part, ast.FormattedValue) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
        return any(is_text(side) or composes(side) for side in (node.left, node.right))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr in {"format", "join", "replace"} and is_text(node.func.value)
    return False


def is_text(node: ast.AST) -> bool:
    """A string, or a constant that is named as a statement or a part of one."""
    if isinstance(node, ast.Name):
        return node.id.isupper() and bool(
            re.search(r"SQL|SELECT|INSERT|UPDATE|DELETE|COLUMNS|QUERY", node.id)
        )
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def composed_sql(source: Source) -> Iterator[str]:
    """In a cupboard no text is built at all; elsewhere none that is handed to the database."""
    suspects: list[ast.AST] = []
    for node in ast.walk(source.tree):
        if is_store(source):
            suspects.append(node)
        elif isinstance(node, ast.Call) and called(node) in TAKES_SQL:
            suspects.extend(node.args[:1])
    for node in suspects:
        if isinstance(node, ast.expr) and composes(node) and not source.says_why(node, "sql"):
            yield source.at(node, "SQL built from parts: pass parameters, or say `# sql: why`")


def test_a_transaction_is_committed_in_one_place() -> None:
    wrongs = second_roads(python("src"))
    assert not wrongs, report(wrongs)


def test_no_failure_is_swallowed() -> None:
    wrongs = [wrong for source in python("src") for wrong in swallowed(source)]
    assert not wrongs, report(wrongs)


def test_sql_stays_in_its_cupboards() -> None:
    wrongs = [wrong for source in python("src") for wrong in strayed_sql(source)]
    assert not wrongs, report(wrongs)


def test_sql_is_never_built_from_parts() -> None:
    wrongs = [wrong for source in python("src") for wrong in composed_sql(source)]
    assert not wrongs, report(wrongs)


def lines_of(wrongs: Iterable[str]) -> list[int]:
    return [int(wrong.split(":")[1]) for wrong in wrongs]


def test_a_second_commit_is_caught() -> None:
    road = Source.made_up(
        "src/chandlery/engine/unit_of_work.py",
        """
        await connection.execute("COMMIT")
        if cursor.statusmessage != "COMMIT":
            raise Lost
        """,
    )
    assert second_roads([road]) == []
    twin = Source("src/chandlery/engine/database.py", road.text)
    assert lines_of(second_roads([road, twin])) == [1]
    elsewhere = Source.made_up(
        "src/chandlery/ordering/_store.py",
        """
        await connection.commit()
        async with connection.transaction():
            await connection.execute("commit work;")
        """,
    )
    assert sorted(lines_of(second_roads([road, elsewhere]))) == [1, 2, 3]
    assert lines_of(second_roads([elsewhere])) == [3, 1, 2]


def test_a_swallowed_failure_is_caught() -> None:
    text = """
    try: work()
    except Exception: log()
    try: work()
    except (ValueError, BaseException) as error: log(error)
    try: work()
    except: pass
    try: work()
    except BaseException:
        undo()
        raise
    try: work()
    except Exception:  # edge: the worker goes on with the next job
        log()
    try: work()
    except ValueError: log()
    """
    assert lines_of(swallowed(Source.made_up("src/chandlery/app/worker.py", text))) == [2, 4, 6]
    assert lines_of(swallowed(Source.made_up("src/chandlery/ordering/drafts.py", text))) == [2, 4, 6, 12]


def test_strayed_sql_is_caught() -> None:
    text = '''
    """select everything from here is prose, not a statement."""
    ONE = "SELECT id FROM orders"
    TWO = f"update orders set status = '{status}'"
    THREE = """
        with picked as (select 1)
        select * from picked
    """
    FOUR = "Select a plan."
    FIVE = "delete from orders"  # sql: the demo empties its own table
    SIX = "Update the line, then set the quantity."
    '''
    assert lines_of(strayed_sql(Source.made_up("src/chandlery/ordering/drafts.py", text))) == [2, 3, 4]
    assert not list(strayed_sql(Source.made_up("src/chandlery/ordering/_store.py", text)))
    assert not list(strayed_sql(Source.made_up("src/chandlery/engine/database.py", text)))


def test_composed_sql_is_caught() -> None:
    store = Source.made_up(
        "src/chandlery/ordering/_store.py",
        """
        A = f"select 1 from orders where id = '{id}'"
        B = "select 1 " + clause
        C = SELECT_ORDER + " limit 1"
        D = "select %s" % name
        E = "select {}".format(name)
        F = " and ".join(clauses)
        G = "select id from orders where id = %s"
        H = LIMIT + 1
        I = f"select 1 from {table}"  # sql: the two tables are named by constants of this file
        J = f"select 1"
        """,
    )
    assert lines_of(composed_sql(store)) == [1, 2, 3, 4, 5, 6]
    elsewhere = Source.made_up(
        "src/chandlery/engine/database.py",
        """
        await connection.execute(f"set role {role}")
        await connection.execute("set role " + role)
        await connection.execute("select 1", (f"{a} and {b}",))
        log.info(f"{a} and {b}")
        SQL(f"select {x}")
        """,
    )
    assert sorted(lines_of(composed_sql(elsewhere))) == [1, 2, 5]
