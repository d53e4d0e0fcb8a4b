"""`make bench`: one JSON object on standard output; tables and progress on standard error.

python -m benchmarks [--quick] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from pathlib import Path

import httpx
from rich.console import Console

from benchmarks.load import Unexpected
from benchmarks.measuring import FULL, QUICK, measure
from benchmarks.report import as_json, show
from chandlery.engine.children import CannotStart, die_with_parent


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks", description="Measure the budgets.")
    parser.add_argument("--quick", action="store_true", help="short rounds, and no full order book")
    parser.add_argument("--out", type=Path, help="write the JSON object to this file as well")
    arguments = parser.parse_args()
    die_with_parent()
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # also where a shell started us in the background
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    console = Console(stderr=True)
    started = time.monotonic()

    def say(line: str) -> None:
        console.print(f"[dim]{time.monotonic() - started:6.1f} s[/]  {line}", highlight=False)

    try:
        found = measure(QUICK if arguments.quick else FULL, quick=arguments.quick, say=say)
    except KeyboardInterrupt:
        say("interrupted; everything is stopped")
        return 130
    except (CannotStart, Unexpected, RuntimeError, OSError, httpx.HTTPError) as broken:
        console.print(f"The measurement broke off: {broken}", style="red", markup=False)
        return 1
    show(found, console)
    result = json.dumps(as_json(found, time.monotonic() - started), indent=2)
    if arguments.out:
        arguments.out.write_text(result + "\n")
    print(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
