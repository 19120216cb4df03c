"""Wrong about state beside the jobs: KEY, CLM, MEM, INC, SCH, SER, STO."""

# ruff: noqa: E501 - a line of source to be replaced is as long as it is

from __future__ import annotations

from tests.conformance.zoo.mutant import mutant
from tests.conformance.zoo.wraps import stores as wraps

VERSION = "    version = next(shelf.numbers)\n    shelf.values"
FENCE = "fence = next(shelf.numbers) if present is None else present.number"

STORES = [
    mutant(
        "a key is stripped",
        wrap=wraps.StripsKeys,
        fails="KEY-1",
        says="keys_of_any_characters_never_collide",
        spoils="STO-4",
    ),
    mutant(
        "a value ends at its last byte that is not NUL",
        (
            "steps.py",
            "Held(put.value, version, until)",
            "Held(put.value.rstrip(b'\\0'), version, until)",
        ),
        fails="KEY-1",
        says="value_is_read_as_it_was_written",
        spoils="KEY-5",
    ),
    mutant(
        "a put in the absence of a key replaces it",
        ("steps.py", "    if (put.if_absent and present is not None) or (\n", "    if (\n"),
        fails="KEY-2",
        says="one_of_many_conditional_writers_wins",
        spoils="KEY-5",
    ),
    mutant(
        "a loser is not told the present version",
        (
            "steps.py",
            "    ):\n        return Written(done=False, version=version_of(present))",
            "    ):\n        return Written(done=False, version=put.if_version)",
        ),
        fails="KEY-2",
        says="one_of_many_conditional_writers_wins",
    ),
    mutant(
        "looks at the version, then writes",
        (
            "steps.py",
            "    until = math.inf if put.ttl is None else mono + put.ttl\n",
            "    until = math.inf if put.ttl is None else mono + put.ttl\n    shelf.lock.release()\n    time.sleep(0.0005)\n    shelf.lock.acquire()\n",
        ),
        ("steps.py", "import math\n", "import math\nimport time\n"),
        fails="KEY-2",
        says="one_of_many_conditional_writers_wins",
        chance=True,
    ),
    mutant(
        "a version begins anew after a deletion",
        ("steps.py", VERSION, "    version = 1 + (version_of(present) or 0)\n    shelf.values"),
        fails="KEY-3",
        says="version_never_returns",
    ),
    mutant(
        "a value is there for ever",
        ("steps.py", "math.inf if put.ttl is None else mono + put.ttl", "math.inf"),
        fails="KEY-4",
        says="value_lives_exactly_its_time",
        spoils="STO-3",
    ),
    mutant(
        "a put keeps the time to live of the one before",
        (
            "steps.py",
            "    until = math.inf if put.ttl is None else mono + put.ttl\n",
            "    until = math.inf if put.ttl is None else mono + put.ttl\n    until = until if present is None else present.until\n",
        ),
        fails="KEY-4",
        says="each_put_replaces_the_time",
        spoils="STO-3",
    ),
    mutant(
        "a client's wall clock ends values",
        (
            "shelf.py",
            "        self.clock = clock\n",
            "        self.clock = type('Wall', (), {'time': clock.time, 'monotonic': clock.time})\n",
        ),
        fails="KEY-4",
        says="jump_of_the_wall_clock_moves_no_time_to_live",
    ),
    mutant(
        "a batch is answered backwards",
        wrap=wraps.AnswersBackwards,
        fails="KEY-5",
        says="batch_acts_and_answers_in_its_order",
    ),
    mutant(
        "of one key twice in a batch the first is written last",
        (
            "store.py",
            "            return [steps.put(shelf, put, mono) for put in puts]",
            "            return [steps.put(shelf, put, mono) for put in puts[::-1]][::-1]",
        ),
        fails="KEY-5",
        says="batch_acts_and_answers_in_its_order",
    ),
    mutant(
        "half a batch of values stays",
        (
            "store.py",
            "        for put in puts:\n            check_put(put, CAPABILITIES.max_value)\n",
            "        for put in puts:\n            check_put(put, CAPABILITIES.max_value)\n            with shelf.lock:\n                steps.put(shelf, put, shelf.clock.monotonic()) if len(puts) == 2 else None\n",
        ),
        fails="KEY-5",
        says="numbers_hold_at_the_limit_and_raise_past_it",
    ),
    mutant(
        "each connection reads its own copy",
        wrap=wraps.ReadsACopy,
        fails="KEY-6",
        says="write_is_read_on_every_connection_at_once",
        spoils="KEY-4",
    ),
    mutant(
        "everybody is granted the claim",
        wrap=wraps.ClaimsForEverybody,
        fails="CLM-1",
        says=r"expected one, got [0-9.]+: \[Claim\(granted=True, owner='w[0-9.]+', fence=[0-9.]+, left=[0-9.]+",
        spoils="CLM-3 CLM-4",
    ),
    mutant(
        "who loses a claim learns the whole time, not what is left",
        ("steps.py", "left=present.until - mono,", "left=request.ttl,"),
        fails="CLM-1",
        says="loser_learns_the_owner_and_the_time_left",
    ),
    mutant(
        "a released claim begins again with its old number",
        (
            "steps.py",
            FENCE,
            "fence = 1 + hash(request.key) % 1000 if present is None else present.number",
        ),
        fails="CLM-2",
        says="fence_grows_with_every_new_ownership",
        spoils="CLM-3",
    ),
    mutant(
        "to renew a claim adds no time",
        (
            "steps.py",
            "Held(owner, fence, mono + request.ttl)",
            "Held(owner, fence, mono + request.ttl if present is None else present.until)",
        ),
        fails="CLM-3",
        says="owner_renews_in_time",
    ),
    mutant(
        "a former owner may release",
        (
            "steps.py",
            "    if version_of(shelf.claims.get(key, mono)) != fence:",
            "    if shelf.claims.get(key, mono) is None:",
        ),
        fails="CLM-3",
        says="former_owner_changes_nothing",
    ),
    mutant(
        "a claim asked again is a new one",
        ("steps.py", FENCE, "fence = next(shelf.numbers)"),
        fails="CLM-4",
        says="claim_asked_again_is_the_same_claim",
        spoils="CLM-3",
    ),
    mutant(
        "every repeat counts down",
        wrap=wraps.CountsRepeats,
        fails="MEM-1",
        says="each_member_counts_down_once",
        spoils="MEM-2",
    ),
    mutant(
        "a set may be made anew",
        ("steps.py", "    if name in shelf.sets:\n        return False\n", ""),
        fails="MEM-1",
        says="each_member_counts_down_once",
    ),
    mutant(
        "looks whether a member is open, then closes it",
        (
            "steps.py",
            "    if changed:\n        members.closed[ordinal] = 1\n        members.remaining -= 1",
            "    if changed:\n        remaining = members.remaining\n        time.sleep(0.0005)\n        members.closed[ordinal] = 1\n        members.remaining = remaining - 1",
        ),
        (
            "store.py",
            "            return [\n                steps.settle_member(shelf.sets[member.set], member.ordinal) for member in members\n            ]",
            "            sets = shelf.sets\n        return [steps.settle_member(sets[member.set], member.ordinal) for member in members]",
        ),
        ("steps.py", "import math\n", "import math\nimport time\n"),
        fails="MEM-2",
        says="one_of_many_at_once_sees_the_set_completed",
        chance=True,
    ),
    mutant(
        "an ordinal may be below the first",
        (
            "steps.py",
            "not 0 <= member.ordinal < len(members.closed)",
            "not -1 <= member.ordinal < len(members.closed)",
        ),
        fails="MEM-3",
        says="DID NOT RAISE InvalidOption",
    ),
    mutant(
        "part of a refused batch of members is settled",
        (
            "store.py",
            "                steps.check_member(shelf, member)\n",
            "                steps.check_member(shelf, member)\n                steps.settle_member(shelf.sets[member.set], member.ordinal)\n",
        ),
        fails="MEM-3",
        says="a refused batch had an effect",
        spoils="MEM-1 MEM-2 STO-3",
    ),
    mutant(
        "reads a counter, then writes it",
        (
            "store.py",
            "                shelf.counters[key] = shelf.counters.get(key, 0) + amount\n",
            "                value = shelf.counters.get(key, 0)\n                shelf.lock.release()\n                time.sleep(0.0001)\n                shelf.lock.acquire()\n                shelf.counters[key] = value + amount\n",
        ),
        fails="INC-1",
        says="increments_of_many_at_once_add_up",
        chance=True,
    ),
    mutant(
        "a counter counts by one at most",
        wrap=wraps.LosesIncrements,
        fails="INC-1",
        says="batch_adds_in_its_order",
        spoils="STO-3",
    ),
    mutant(
        "what is due soon is taken",
        ("shelf.py", "self._free[0][0] <= wall and", "self._free[0][0] <= wall + 0.5 and"),
        fails="SCH-1",
        says=r"Due\(set='set",
    ),
    mutant(
        "more is taken than asked for",
        ("shelf.py", "and len(taken) < limit:", "and len(taken) <= limit:"),
        fails="SCH-1",
        says="due_entries_come_oldest_first_and_never_early",
        spoils="SCH-4",
    ),
    mutant(
        "what was taken never comes back",
        ("shelf.py", "        self._take_back(mono)\n", ""),
        fails="SCH-2",
        says="taken_entry_is_hidden_until_its_lease_lapses",
    ),
    mutant(
        "a stale settle removes the entry of another",
        (
            "steps.py",
            "if schedule is None or entry is None or entry.token != taken.token:",
            "if schedule is None or entry is None:",
        ),
        fails="SCH-2",
        says="taken_entry_is_hidden_until_its_lease_lapses",
    ),
    mutant(
        "one id is kept twice",
        ("steps.py", "    if id in schedule.entries:\n        return False\n", ""),
        fails="SCH-3",
        says="one_id_is_in_a_set_once",
    ),
    mutant(
        "two who take share an entry",
        (
            "shelf.py",
            "            entry = heappop(self._free)[2]\n            if entry.is_gone:\n                continue\n",
            "            entry = self._free[0][2]\n            lock.release()\n            time.sleep(0.0001)\n            lock.acquire()\n            if self._free:\n                heappop(self._free)\n            if entry.is_gone:\n                continue\n",
        ),
        (
            "shelf.py",
            "tokens: count[int]\n    ) -> list[Due]:",
            "tokens: count[int], lock\n    ) -> list[Due]:",
        ),
        ("shelf.py", "import math\n", "import math\nimport time\n"),
        ("store.py", "now, shelf.numbers)", "now, shelf.numbers, shelf.lock)"),
        fails="SCH-3",
        says="concurrent_takers_share_no_entry",
        chance=True,
    ),
    mutant(
        "a page takes what does not fit it",
        (
            "shelf.py",
            "        taken: list[Due] = []\n        while",
            "        taken: list[Due] = []\n        if len(self._free) > 2000:\n            del self._free[2000:]\n        while",
        ),
        fails="SCH-4",
        says="many_due_at_once_leave_in_pages",
    ),
    mutant(
        "an entry that was removed comes due",
        (
            "steps.py",
            "    if schedule is None or entry is None or entry.until > mono:\n        return False\n    schedule.remove(entry)",
            "    if schedule is None or entry is None or entry.until > mono:\n        return False",
        ),
        fails="SCH-4",
        says=r"expected one, got [0-9.]+: \[Due\(set='set', id='kept', due=[0-9.]+, valu",
    ),
    mutant(
        "an entry that is held may be removed",
        ("steps.py", "or entry is None or entry.until > mono:", "or entry is None:"),
        fails="SCH-4",
        says="removal_before_due_is_obeyed",
    ),
    mutant(
        "a page repeats a point",
        wrap=wraps.RepeatsPoints,
        fails="SER-1",
        says="a point was read twice",
        spoils="SCH-1 SCH-4",
    ),
    mutant(
        "of points of one instant a page keeps the first",
        (
            "shelf.py",
            "key=lambda point: (point.at, point.sequence))",
            "key=lambda point: (point.at, 0))\n            while start < len(self._points) and self._points[start].at == last[0]:\n                start += 1",
        ),
        fails="SER-1",
        says="series_keeps_every_append_of_many_writers",
    ),
    mutant(
        "retention drops what is young",
        (
            "shelf.py",
            "        if old > len(self._points) // 2:",
            "        if len(self._points) > 6:\n            old = 5",
        ),
        fails="SER-1",
        says="series_keeps_every_append_of_many_writers",
    ),
    mutant(
        "two namespaces count together",
        (
            "store.py",
            "                shelf.counters[key] = shelf.counters.get(key, 0) + amount\n                values.append(shelf.counters[key])",
            "                COUNTERS[key] = COUNTERS.get(key, 0) + amount\n                values.append(COUNTERS[key])",
        ),
        ("store.py", "PAGE = 1000\n", "PAGE = 1000\nCOUNTERS = {}\n"),
        fails="STO-3",
        says="namespaces_never_meet",
        spoils="INC-1",
    ),
    mutant(
        "a sweep takes what was put again",
        (
            "shelf.py",
            "            if held is not None and held.until <= mono:\n                del",
            "            if held is not None:\n                del",
        ),
        fails="STO-3",
        says="expired_values_are_swept_and_live_ones_kept",
        spoils="CLM-3 KEY-4",
    ),
    mutant(
        "a store goes on after its close",
        (
            "store.py",
            "    def close(self) -> None:\n        self._open = None",
            "    def close(self) -> None:\n        pass",
        ),
        fails="STO-4",
        says="DID NOT RAISE Misuse",
    ),
    mutant(
        "a driver's error leaks out of the store",
        (
            "checks.py",
            '        raise InvalidOption(f"expected due to be',
            '        raise ValueError(f"expected due to be',
        ),
        fails="STO-4",
        says="expected due to be seconds since the epoch, got nan",
    ),
    mutant(
        "an error of the store shows the value",
        (
            "checks.py",
            'of at most {max_value} bytes, got {len(value)}")',
            'of at most {max_value} bytes, got {value[:60]!r}")',
        ),
        fails="STO-4",
        says=r"not \['PayloadTooLarge\(\"expected a value of at most [0-9.]+ bytes, got",
    ),
]
