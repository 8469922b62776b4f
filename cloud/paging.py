"""Pages of a long list, one way everywhere: `limit` how many, `cursor` from where, `next` the cursor of what follows.

A cursor is the sort key of the last row shown, so rows that come or go meanwhile shift nothing. It is opaque to
clients and proves nothing: whose rows are shown is for the query to say, on each page anew.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from cloud.body import Reader, b64, b64_of, reads

Row = TypeVar("Row")
MOST = 200  # rows a page, and what is given unless fewer are asked for
_TEXT = b64_of(1, 256)


@dataclass(frozen=True)
class Page:
    """`after`: the sort key of the last row shown, None at the start."""

    after: tuple[Any, ...] | None
    limit: int

    @property
    def fetch(self) -> int:
        """How many rows to ask the database for: one more than are shown tells whether there are more."""
        return self.limit + 1

    def cut(
        self, rows: Sequence[Row], key: Callable[[Row], tuple[Any, ...]]
    ) -> tuple[Sequence[Row], str | None]:
        """(the rows to show, the cursor of the next page or None)."""
        if len(rows) <= self.limit:
            return rows, None
        shown = rows[: self.limit]
        return shown, encode(key(shown[-1]))


def encode(key: tuple[Any, ...]) -> str:
    return b64(json.dumps(key, separators=(",", ":")).encode())


def cursor(keys: tuple[Reader, ...]) -> Reader:
    """Reads a cursor whose sort key these readers take."""

    @reads(**{**_TEXT.schema, "description": "`next` of the page before"})
    def reader(value: Any) -> tuple[Any, ...]:
        try:
            found = json.loads(_TEXT(value))
            if type(found) is not list:
                raise ValueError
            return tuple(read(item) for read, item in zip(keys, found, strict=True))
        except (ValueError, RecursionError):
            raise ValueError("is no cursor of this list") from None

    return reader
