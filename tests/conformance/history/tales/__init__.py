"""Small histories, by what happens in them; importing this makes them known."""

from tests.conformance.history.tales import counters, ends, order, presence, repeats

__all__ = ["counters", "ends", "order", "presence", "repeats"]
