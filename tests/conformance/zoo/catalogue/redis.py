"""Wrong between a client and Redis: in what is sent, in what is done there, in what is believed."""

# ruff: noqa: E501 - a line of source to be replaced is as long as it is

from __future__ import annotations

from functools import partial

from tests.conformance.zoo.mutant import mutant

redis = partial(mutant, of="redis")

_TEXT = (
    '    text = head + "\\n".join((_FOLDER / f"{name}.lua").read_text("utf-8") for name in names)\n'
)


def lua(old: str, new: str) -> tuple[str, str, str]:
    """An edit of the scripts, whichever has that text."""
    return ("scripts.py", _TEXT, f"{_TEXT}    text = text.replace({old!r}, {new!r})\n")


REDIS = [
    redis(
        "a command that got no answer is sent again",
        (
            "link.py",
            "            return self.mend(wire, commands, replies, deadline)\n        except Lost as lost:\n",
            "            return self.mend(wire, commands, replies, deadline)\n        except Lost as lost:\n            if lost.sent and not getattr(self, '_again', False):\n                self._again = True\n                try:\n                    return self._tell(commands, deadline, reads=reads)\n                finally:\n                    self._again = False\n",
        ),
        fails="CRS-9",
        says="call_that_lost_its_answer_is_on_the_wire_once",
        spoils="ENQ-3 CRS-3 INC-1",
        issue="redis-py",
    ),
    redis(
        "a settlement that Redis did not answer is called done",
        (
            "consumer.py",
            "        except AnyjobError:\n            # The caller hears of it as unknown, and settles again.\n            self._desk.give_up(lot)\n",
            "        except AnyjobError:\n            self._desk.answer(lot, [Answer.DONE] * len(lot))\n",
        ),
        fails="CRS-3",
        says="settlement_that_lost_its_answer_is_unknown",
    ),
    redis(
        "an enqueue that Redis did not answer is a definite error",
        (
            "backend.py",
            "        raise EnqueueUncertain(str(error), jobs) from error\n",
            "        raise error\n",
        ),
        fails="ENQ-3",
        says="enq_3",
    ),
    redis(
        "a script settles whoever holds the job",
        lua("ours[index] = held[index] == owns[index]", "ours[index] = held[index]"),
        fails="LSE-4",
        says="lse_4",
        spoils="LSE-5 LSE-6 SET-2 SET-7 UNQ-4",
    ),
    redis(
        "children of a lost lease are stored",
        lua("if parent == 0 or ours[parent] then", "if true then"),
        fails="LSE-4",
        says="stale_settlement_leaves_the_owner_alone",
        spoils="SET-7",
    ),
    redis(
        "a late extend makes a lapsed lease last",
        lua(
            "local ours = held[index] == owns[index] and untils[index] and tonumber(untils[index]) > steady",
            "local ours = untils[index]",
        ),
        fails="LSE-6",
        says="late_extend_takes_no_job_back",
        spoils="LSE-5 LSE-12",
    ),
    redis(
        "nobody says that Redis was emptied",
        (
            "link.py",
            '            if self.report is not None:\n                self.report("store.reset_detected"',
            '            if False:\n                self.report("store.reset_detected"',
        ),
        fails="CRS-8",
        says="nobody was told",
    ),
    redis(
        "only a marker wakes a worker",
        (
            "consumer.py",
            "            quiet_until = now + min(_LOOK_SECONDS, self._lease / 6 + 0.001, following)\n",
            "            quiet_until = deadline\n",
        ),
        fails="FET-3",
        says="woken_when_a_job_comes_due",
    ),
    redis(
        "a delay is cut to whole milliseconds",
        lua(
            "return ceil((base + tonumber(delay)) / 1000)",
            "return floor((base + tonumber(delay)) / 1000) - 1",
        ),
        fails="TIM-1",
        says="tim_1",
    ),
]
