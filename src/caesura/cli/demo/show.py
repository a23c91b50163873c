"""How the demo looks: on a terminal in colour, with bars that move; elsewhere as plain lines."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

_WIDTH = 11
_PLAIN_STEPS = 5


class Show:
    """Prints what happens as it happens."""

    def __init__(self) -> None:
        self._console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False, soft_wrap=True)
        can_tick = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
        self._good, self._bad = ("✓", "✗") if can_tick else ("ok", "no")

    def title(self, text: str) -> None:
        """A headline."""
        self._console.print(Text(f"\n{text}", style="bold"))

    def done(self, what: str, detail: str) -> None:
        """A thing that is done."""
        line = Text.assemble((f"{self._good} ", "green"), (f"{what:<{_WIDTH}} ", "bold"), detail)
        self._console.print(line)

    def verdict(self, holds: bool, claim: str, detail: str) -> None:
        """A claim of the audit, and whether it holds."""
        mark = (self._good, "green") if holds else (self._bad, "bold red")
        aside = (f"  {detail}" if detail else "", "dim" if holds else "red")
        self._console.print(Text.assemble(mark, f" {claim}", aside))

    def note(self, text: str) -> None:
        """Something beside."""
        self._console.print(Text(f"  {'':<{_WIDTH}} {text}", style="dim"))

    def end(self, holds: bool, text: str) -> None:
        """The last line."""
        self._console.print(Text(f"\n{text}\n", style="bold green" if holds else "bold red"))

    @contextmanager
    def bar(self, what: str, total: int, start: int = 0) -> Iterator[Callable[[int], None]]:
        """A bar for the length of the block, which says how far it has come; in plain output a line now and then."""
        if not self._console.is_terminal:
            yield self._plain_bar(what, total, start)
            return
        columns = (
            TextColumn(f"  {{task.description:<{_WIDTH}}}"),
            BarColumn(bar_width=40),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
        )
        with Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task(what, total=total, completed=start)
            yield lambda count: progress.update(task, completed=count)

    def _plain_bar(self, what: str, total: int, start: int) -> Callable[[int], None]:
        told = start * _PLAIN_STEPS // max(total, 1)

        def reached(count: int) -> None:
            nonlocal told
            if (step := count * _PLAIN_STEPS // max(total, 1)) > told:
                told = step
                self._console.print(f"  {what:<{_WIDTH}} {count:,} of {total:,}")

        return reached
