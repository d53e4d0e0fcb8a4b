"""Reading a price sheet as a stream: rows of the one shape, and an error for each cell that cannot be read."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, BinaryIO

from chandlery.catalog.errors import SheetUnreadable
from chandlery.catalog.sheets.fields import CellRefused
from chandlery.catalog.sheets.format import WHOLE_ROW, RowError, RowRefused, SheetFormat, StagedRow
from chandlery.catalog.sheets.microsoft import MICROSOFT
from chandlery.catalog.sheets.multi_vendor import MULTI_VENDOR
from chandlery.kernel.errors import Problem

FORMATS: Mapping[str, SheetFormat] = {sheet.name: sheet for sheet in (MICROSOFT, MULTI_VENDOR)}
MAX_ERRORS_KEPT = 1_000
_COUNTING_BYTES = 1 << 20


class Sheet:
    """An open price sheet: `batch` reads on, `errors` and `bad_rows` tell what was wrong so far."""

    def __init__(self, stream: BinaryIO, format_name: str | None) -> None:
        self.rows_total = _count_rows(stream)
        self.rows = 0
        self.ended = False
        self.bad_rows = 0
        self.errors: list[RowError] = []
        self._text = io.TextIOWrapper(stream, "utf-8-sig", newline="")
        self._reader = csv.reader(self._text)
        _, header = self._next() or (1, [])
        self._format = _format_of(header, format_name)
        self._width = len(header)
        self._columns = tuple(self._format.columns.items())
        self._pick: Callable[[list[str]], tuple[str, ...]] = itemgetter(
            *(header.index(column) for column in self._format.columns)
        )

    def batch(self, most: int) -> list[StagedRow]:
        """The next good rows, out of up to `most` lines; empty together with `ended` at the end of the sheet."""
        good = []
        for _ in range(most):
            found = self._next()
            if found is None:
                self._text.detach()  # the stream is the caller's to close
                self.ended = True
                self.rows_total = self.rows
                break
            line, cells = found
            if not cells:
                continue
            self.rows += 1
            row = self._row(line, cells)
            if row is not None:
                good.append(row)
        return good

    def _next(self) -> tuple[int, list[str]] | None:
        """The line on which the next row begins, and its cells; None at the end."""
        line = self._reader.line_num + 1
        try:
            cells = next(self._reader, None)
        except UnicodeDecodeError as error:
            raise SheetUnreadable(Problem("file", f"Near line {line}: not UTF-8.")) from error
        except csv.Error as error:
            raise SheetUnreadable(Problem("file", f"Line {line}: {error}.")) from error
        return None if cells is None else (line, cells)

    def _row(self, line: int, cells: list[str]) -> StagedRow | None:
        if len(cells) != self._width:
            self._bad(line, [(WHOLE_ROW, f"has {len(cells)} cells, the header has {self._width}")])
            return None
        values: list[Any] = []
        wrong: list[tuple[str, str]] = []
        for (column, read), cell in zip(self._columns, self._pick(cells), strict=True):
            try:
                values.append(read(cell))
            except CellRefused as refused:
                wrong.append((column, str(refused)))
        if wrong:
            self._bad(line, wrong)
            return None
        try:
            return self._format.stage(line, tuple(values))
        except RowRefused as refused:
            self._bad(line, [(refused.column, str(refused))])
            return None

    def _bad(self, line: int, wrong: Sequence[tuple[str, str]]) -> None:
        """Beyond the first thousand, bad rows are only counted."""
        self.bad_rows += 1
        if len(self.errors) < MAX_ERRORS_KEPT:
            self.errors.extend(RowError(line, column, message) for column, message in wrong)


def _format_of(header: Sequence[str], format_name: str | None) -> SheetFormat:
    """The format named, or the one whose columns the header has; every missing column is named."""
    if format_name is None:
        candidates = [one for one in FORMATS.values() if set(one.columns) <= set(header)]
        if not candidates:
            raise SheetUnreadable(
                Problem("file", f"No known format has this header. Known: {', '.join(FORMATS)}.")
            )
        return candidates[0]
    if format_name not in FORMATS:
        raise SheetUnreadable(Problem("format", f"Use one of: {', '.join(FORMATS)}."), given=format_name)
    chosen = FORMATS[format_name]
    missing = [column for column in chosen.columns if column not in header]
    if missing:
        raise SheetUnreadable(
            *(Problem("file", f"Line 1: the column {column} is missing.") for column in missing)
        )
    return chosen


def _count_rows(stream: BinaryIO) -> int | None:
    """How many lines follow the header, when the stream can be rewound; good enough for a progress bar."""
    if not stream.seekable():
        return None
    start = stream.tell()
    lines = 0
    while chunk := stream.read(_COUNTING_BYTES):
        lines += chunk.count(b"\n")
    stream.seek(start)
    return max(lines - 1, 0)
