"""How the ten priorities fall into bands, for brokers that have a queue for each of those."""

from __future__ import annotations

#: By how many bands there are, highest first: the least priority of each.
BANDS = {
    1: (0,),
    3: (7, 4, 0),
    10: (9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
}
