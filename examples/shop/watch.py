"""Waiting for what the journal will say, and showing progress meanwhile."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from examples.shop.errors import Stalled
from examples.shop.history import History
from examples.shop.interruption import Interruption
from examples.shop.journal import Journal
from examples.shop.progress import Display

#: Seconds between two looks at the journal.
LOOK_EVERY = 0.1
#: Seconds without any news after which nothing more is expected.
PATIENCE = 25.0


class Watch:
    """Reads the journal as it grows; of one thread."""

    def __init__(self, journal: Journal, display: Display, interruption: Interruption) -> None:
        self.history = History()
        self._journal = journal
        self._display = display
        self._interruption = interruption
        self._check: Callable[[], None] = lambda: None
        self._offset = 0
        self._news_at = time.monotonic()

    def beside(self, check: Callable[[], None]) -> None:
        """Call `check` at each look: it raises when waiting has become pointless."""
        self._check = check

    def until(self, what: str, has_come: Callable[[History], bool]) -> None:
        """Wait until `has_come`; raises Stalled, naming `what`, when the journal falls silent.

        Raises Interrupted, and what the check beside raises.
        """
        while True:
            self._interruption.check()
            self.look()
            if has_come(self.history):
                return
            self._check()
            if time.monotonic() - self._news_at > PATIENCE:
                raise Stalled(f"waited {PATIENCE:.0f} s in vain for {what}")
            time.sleep(LOOK_EVERY)

    def look(self) -> None:
        """Read what is new, and show it."""
        events, self._offset = self._journal.read(self._offset)
        if not events:
            return
        self._news_at = time.monotonic()
        self.history.add(events)
        stories = self.history.stories.values()
        self._display.update(
            Counter(story.job.task for story in stories if story.is_done),
            Counter(story.job.task for story in stories),
        )
