"""What a person sees of a run: one line a thing that happened, with the time since the start; kept for a picture.

It prints and counts; what happens is the demo's affair (demo.py).
"""

import contextlib
import re
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from tools.errors import ToolError

WIDTH = 124  # of a picture, or a log
ICONS = {"ok": ("✓", "green"), "refused": ("⊘", "yellow"), "failed": ("✗", "bold red"), "note": ("·", "dim")}


class Timeline:
    """`step` opens a chapter, `say` adds a line to it; `waiting` shows a spinner where one waits."""

    def __init__(self, quiet: bool = False) -> None:
        self._console = Console(
            width=None if Console().is_terminal else WIDTH, record=True, quiet=quiet, highlight=False
        )
        self._began = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since this was made."""
        return time.monotonic() - self._began

    def step(self, number: int, title: str) -> None:
        self._console.print(f"\n[bold cyan]{number}[/]  [bold]{escape(title)}[/]")

    def say(self, icon: str, who: str, what: str, aside: str = "") -> None:
        """One line: a mark, the time, who did it, what, and in grey what else is worth knowing."""
        mark, style = ICONS[icon]
        line = Text.assemble(
            (f" {mark} ", style), (f"{self.elapsed:6.1f} s  ", "dim"), (f"{who:<11}", "cyan"), what
        )
        if aside:
            line.append(f"   {aside}", "dim")
        self._console.print(line, soft_wrap=not self._console.is_terminal)

    def show(self, thing: RenderableType) -> None:
        self._console.print(thing)

    @contextlib.contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """A spinner with this text, on a terminal only: a log has no use for it."""
        if self._console.is_terminal and not self._console.quiet:
            with self._console.status(f"[dim]{escape(what)}[/]"):
                yield
        else:
            yield

    def picture(self, path: Path, title: str) -> None:
        """Everything printed so far, as SVG; it names no font of somebody else's server. Raises ToolError."""
        drawn = re.sub(
            r"@font-face \{.*?\}\s*", "", self._console.export_svg(title=title, clear=False), flags=re.DOTALL
        )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(drawn)
        except OSError as error:
            raise ToolError(f"The picture could not be written to {path}: {error.strerror}.") from error


def table(title: str, *columns: str) -> Table:
    made = Table(
        title=title, title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False
    )
    for column in columns:
        made.add_column(
            column.lstrip(">"), justify="right" if column.startswith(">") else "left", overflow="fold"
        )
    return made
