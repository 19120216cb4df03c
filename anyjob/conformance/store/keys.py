"""Values by key: KEY."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from anyjob.conformance.brief import brief
from anyjob.conformance.example import shows
from anyjob.conformance.stage import only
from anyjob.conformance.store.properties import StoreProperties
from anyjob.conformance.store_scene import StoreScene
from anyjob.conformance.threads import at_once
from anyjob.core.errors import ConfigurationError, InvalidOption, PayloadTooLarge
from anyjob.core.store import MAX_KEY, Delete, Put, Store, Written

KEYS = [
    *(
        "a",
        "A",
        "a\0",
        "\0",
        "a\0b",
        "a*",
        "a?",
        "[a]",
        "%",
        "_",
        "a:b",
        "a/b",
        "{a}",
        "é",
        "e\u0301",
    ),
    *(" ", "a ", "a\n", "k" * (MAX_KEY - 1), "k" * MAX_KEY, "\U0001f680"),
]
VALUES = [
    b"",
    b"\x00",
    bytes(range(256)),
    b"\xff\xfe\xc0",
    *(bytes(65_536 + n) for n in (-1, 0, 1)),
]


class Keys(StoreProperties):
    """Bytes by key, with versions and a time to live."""

    @shows("KEY-1")
    def test_key_1_value_is_read_as_it_was_written(self, scene: StoreScene) -> None:
        assert scene.store.get(["key"]) == [None]

        for value in VALUES:
            [written] = scene.store.put([Put("key", value)])
            [entry] = scene.store.get(["key"])
            assert entry is not None
            assert (entry.value, entry.version) == (value, written.version)

    @shows("KEY-1")
    def test_key_1_keys_of_any_characters_never_collide(self, scene: StoreScene) -> None:
        scene.store.put([Put(key, b"%d" % number) for number, key in enumerate(KEYS)])

        values = [scene.value(key) for key in KEYS]

        assert values == [b"%d" % number for number in range(len(KEYS))]
        for key in ("", "k" * (MAX_KEY + 1), "é" * MAX_KEY):
            with pytest.raises(InvalidOption):
                scene.store.put([Put(key, b"")])

    @shows("KEY-2")
    def test_key_2_one_of_many_conditional_writers_wins(self, scene: StoreScene) -> None:
        stores = [scene.store, scene.fresh()]
        for round_ in range(5):
            absent, known = f"absent {round_}", f"known {round_}"
            version = scene.put(known).version

            for puts in (
                [Put(absent, b"%d" % n, if_absent=True) for n in range(6)],
                [Put(known, b"%d" % n, if_version=version) for n in range(6)],
            ):
                written = at_once([_putting(stores[at % 2], put) for at, put in enumerate(puts)])

                winner = only([at for at, each in enumerate(written) if each.done])
                assert scene.value(puts[winner].key) == puts[winner].value
                assert {each.version for each in written} == {written[winner].version}

    @shows("KEY-2")
    def test_key_2_one_of_many_conditional_deleters_wins(self, scene: StoreScene) -> None:
        stores = [scene.store, scene.fresh()]
        delete = Delete("key", if_version=scene.put("key").version)

        deleted = at_once([_deleting(stores[at % 2], delete) for at in range(6)])

        assert sum(each.done for each in deleted) == 1
        assert scene.value("key") is None

    @shows("KEY-2")
    def test_key_2_loser_is_told_the_present_version(self, scene: StoreScene) -> None:
        old = scene.put("key").version
        new = scene.put("key", b"new").version
        assert old is not None

        assert scene.store.put([Put("key", b"late", if_version=old)]) == [Written(False, new)]
        assert scene.store.put([Put("key", b"late", if_absent=True)]) == [Written(False, new)]
        assert scene.store.delete([Delete("key", if_version=old)]) == [Written(False, new)]
        assert scene.store.put([Put("no key", b"", if_version=old)]) == [Written(False, None)]
        assert scene.value("key") == b"new"
        assert scene.value("no key") is None

    @shows("KEY-2")
    def test_key_2_plain_delete_may_be_repeated(self, scene: StoreScene) -> None:
        scene.put("key")

        for _ in range(2):
            assert scene.store.delete([Delete("key")]) == [Written(True, None)]

        assert scene.value("key") is None

    @shows("KEY-3")
    def test_key_3_version_never_returns(self, scene: StoreScene) -> None:
        versions = []
        for _ in range(3):
            versions.append(scene.put("key", ttl=scene.ttl).version)
            versions.append(scene.put("key", ttl=scene.ttl).version)
            scene.store.delete([Delete("key")])
            versions.append(scene.put("key", ttl=scene.ttl).version)
            scene.pass_time(scene.ttl + scene.instant)

        known = [version for version in versions if version is not None]
        assert len(known) == 9
        assert known == sorted(set(known))

    @shows("KEY-4", clocks=("suite", "own"))
    def test_key_4_value_lives_exactly_its_time(self, scene: StoreScene) -> None:
        scene.put("short", ttl=scene.ttl)
        scene.put("for ever")

        scene.pass_time(0.6 * scene.ttl)
        assert scene.value("short") is not None
        scene.pass_time(0.4 * scene.ttl + scene.instant)

        assert scene.value("short") is None
        assert scene.value("for ever") is not None
        assert scene.store.put([Put("short", b"", if_absent=True)])[0].done

    @shows("KEY-4")
    def test_key_4_each_put_replaces_the_time(self, scene: StoreScene) -> None:
        scene.put("longer", ttl=scene.ttl)
        scene.put("for ever", ttl=scene.ttl)
        scene.put("shorter")
        scene.pass_time(0.5 * scene.ttl)
        scene.put("longer", ttl=scene.ttl)
        scene.put("for ever")
        scene.put("shorter", ttl=0.1 * scene.ttl)

        scene.pass_time(scene.nearly(scene.ttl))

        assert scene.value("longer") is not None
        assert scene.value("for ever") is not None
        assert scene.value("shorter") is None

    @shows("KEY-4", moves_clock=True)
    def test_key_4_jump_of_the_wall_clock_moves_no_time_to_live(self, scene: StoreScene) -> None:
        assert scene.clock is not None
        scene.put("key", ttl=scene.ttl)

        for jump in (3600.0, -7200.0):
            scene.clock.jump(jump)
            scene.pass_time(0.4 * scene.ttl)
            assert scene.value("key") is not None
        scene.pass_time(0.2 * scene.ttl + scene.instant)

        assert scene.value("key") is None

    @shows("KEY-5")
    def test_key_5_batch_acts_and_answers_in_its_order(self, scene: StoreScene) -> None:
        puts = [Put("a", b"1"), Put("b", b"2"), Put("a", b"3"), Put("a", b"4", if_absent=True)]

        written = scene.store.put(puts)

        assert [each.done for each in written] == [True, True, True, False]
        found = scene.store.get(["a", "none", "b", "a"])
        assert [entry and entry.value for entry in found] == [b"3", None, b"2", b"3"]
        twice = scene.store.delete([Delete("a"), Delete("a"), Delete("b", if_version=-1)])
        assert [each.done for each in twice] == [True, True, False]
        assert scene.store.get([]) == []

    @shows("KEY-5")
    def test_key_5_numbers_hold_at_the_limit_and_raise_past_it(self, scene: StoreScene) -> None:
        most, largest = scene.store.capabilities.max_batch, scene.store.capabilities.max_value
        assert all(each.done for each in scene.store.put([Put(f"k{n}", b"") for n in range(most)]))
        assert scene.put("largest", bytes(largest)).done
        assert brief(scene.value("largest")) == brief(bytes(largest))

        with pytest.raises(ConfigurationError):
            scene.store.put([Put(f"new {n}", b"") for n in range(most + 1)])
        with pytest.raises(PayloadTooLarge):
            scene.store.put([Put("new 0", b""), Put("new 1", bytes(largest + 1))])
        with pytest.raises(InvalidOption):
            scene.store.put([Put("new 0", b"", if_absent=True, if_version=1)])

        assert scene.value("new 0") is None

    @shows("KEY-6")
    def test_key_6_write_is_read_on_every_connection_at_once(self, scene: StoreScene) -> None:
        elsewhere = scene.fresh()
        version = scene.put("key").version

        for number in range(50):
            here, there = (scene.store, elsewhere) if number % 2 else (elsewhere, scene.store)
            written = only(here.put([Put("key", b"%d" % number, if_version=version)]))
            assert written.done
            for store in (there, here):
                assert scene.value("key", store) == b"%d" % number
            version = written.version


def _putting(store: Store, put: Put) -> Callable[[], Written]:
    return lambda: store.put([put])[0]


def _deleting(store: Store, delete: Delete) -> Callable[[], Written]:
    return lambda: store.delete([delete])[0]
