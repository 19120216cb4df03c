"""Which keys a queue and a store have, and that each lot lives in one slot of a cluster."""

import re
from importlib.resources import files

import redis.crc

from anyjob.backends.redis.keys import Keys, StateKeys


def slots(keys: list[bytes]) -> set[int]:
    return {redis.crc.key_slot(key) for key in keys}


def test_queue_has_the_keys_that_its_scripts_count() -> None:
    prelude = (files("anyjob.backends.redis") / "lua" / "prelude.lua").read_text("utf-8")
    names = [key.rpartition(b":")[2].decode() for key in Keys("ns").of("mail")]

    said = dict[str, int]()
    for line in re.findall(r"^local ([A-Z, ]+) = ([\d, ]+)$", prelude, re.MULTILINE):
        said |= zip(line[0].split(", "), map(int, line[1].split(", ")), strict=True)
    assert said.pop("NK") == len(names) == 26
    assert names[said.pop("SEEN") - 1] == "seen0"
    assert names[said["TOMB"] - 2] == "seen1"
    assert {name: names[at - 1] for name, at in said.items()} == {
        name: name.lower() for name in said
    }
    # A priority's list is NK minus the priority.
    assert [names[26 - priority - 1] for priority in range(10)] == [f"r{n}" for n in range(10)]


def test_everything_of_a_queue_lives_in_one_slot() -> None:
    keys = Keys("ns")
    everything = [*keys.of("mail"), keys.bell("mail", 7), keys.over("mail")]

    assert len(slots(everything)) == 1
    assert all(key.startswith(b"ns:{mail}:") for key in everything)
    assert keys.of("mail") is keys.of("mail")


def test_single_keys_are_among_those_of_the_queue() -> None:
    keys = Keys("ns")

    assert {keys.wake("mail"), keys.flags("mail"), keys.jobs("mail")} < set(keys.of("mail"))


def test_bell_is_of_one_session() -> None:
    assert Keys("ns").bell("mail", 1) != Keys("ns").bell("mail", 2)


def test_store_lives_in_one_slot_whatever_its_keys_are_called() -> None:
    keys = StateKeys("ns")
    names = ["plain", "{other}", "}", "a:b", "\0\n*", "é"]
    everything = [keys.stamp]
    for name in names:
        everything += [*keys.value(name), *keys.claim(name), *keys.counter(name)]
        everything += [*keys.series(name), *keys.members(name), *keys.schedule(name)]

    assert len(set(everything)) == len(everything)
    assert len(slots(everything)) == 1


def test_store_shares_no_key_with_a_queue() -> None:
    # "~" is no name of a queue.
    assert StateKeys("ns").stamp.startswith(b"ns:{~}:")
