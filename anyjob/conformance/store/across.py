"""What many processes do to one store in the same moment: directed examples."""

from __future__ import annotations

from collections import Counter

from anyjob.conformance.example import shows
from anyjob.conformance.history.races import RACERS, flat, raced
from anyjob.conformance.store.properties import StoreProperties
from anyjob.conformance.store_scene import StoreScene

KEYS = tuple(f"key {number}" for number in range(15))
TIMES = 25


class StoresAcrossProcesses(StoreProperties):
    """Real processes, so that no lock of one can help; threads where state lives in one process."""

    @shows("KEY-2", also=("STO-4",), clocks=("own",), layer="history")
    def test_key_2_one_of_many_processes_writes_each_version(self, scene: StoreScene) -> None:
        found = raced(scene, _reach(scene), "put", keys=KEYS)

        done = flat(found)
        for key in KEYS:
            made = [after for name, before, after in done if name == key and before is None]
            ended = [before for name, before, _ in done if name == key and before is not None]
            versions = [after for name, _, after in done if name == key and after is not None]
            assert made, "nobody made the key"
            assert len(ended) == len(set(ended)), "two replaced or removed one version"
            assert len(versions) == len(set(versions)), "a version came twice"
            assert set(ended) <= set(versions)

    @shows("KEY-6", clocks=("own",), layer="history")
    def test_key_6_compare_and_set_of_many_processes_loses_no_write(
        self, scene: StoreScene
    ) -> None:
        scene.put("sum", b"0")

        raced(scene, _reach(scene), "add", times=TIMES)

        assert scene.value("sum") == str(RACERS * TIMES).encode()

    @shows("CLM-1", clocks=("own",), layer="history")
    def test_clm_1_one_of_many_processes_owns(self, scene: StoreScene) -> None:
        found = raced(scene, _reach(scene), "claim", keys=KEYS)

        for claims in zip(*found, strict=True):
            owners = {owner for _, owner, _ in claims}
            assert len(owners) == 1, f"{owners} own one key"
            assert Counter(granted for granted, _, _ in claims) == {True: 1, False: RACERS - 1}
            assert len({fence for _, _, fence in claims}) == 1

    @shows("MEM-2", clocks=("own",), layer="history")
    def test_mem_2_one_of_many_processes_sees_the_set_complete(self, scene: StoreScene) -> None:
        sets = [f"set {number}" for number in range(5)]
        scene.store.create_sets([(name, TIMES) for name in sets])

        found = raced(scene, _reach(scene), "members", sets=sets, size=TIMES)

        answers = Counter((changed, remaining) for changed, remaining in flat(found))
        assert answers[True, 0] == len(sets)
        # Each of the others counted down once, too.
        assert {left: answers[True, left] for left in range(TIMES)} == dict.fromkeys(
            range(TIMES), len(sets)
        )

    @shows("INC-1", clocks=("own",), layer="history")
    def test_inc_1_increments_of_many_processes_add_up(self, scene: StoreScene) -> None:
        found = raced(scene, _reach(scene), "increment", times=TIMES)

        assert sorted(flat(found)) == list(range(1, RACERS * TIMES + 1))

    @shows("SCH-3", clocks=("own",), layer="history")
    def test_sch_3_many_processes_take_each_entry_once(self, scene: StoreScene) -> None:
        entries = [f"entry {number:02}" for number in range(40)]

        found = raced(scene, _reach(scene), "take_due", entries=entries)

        assert sorted(flat(found)) == entries

    @shows("SER-1", clocks=("own",), layer="history")
    def test_ser_1_series_keeps_what_many_processes_append(self, scene: StoreScene) -> None:
        found = raced(scene, _reach(scene), "append", times=TIMES)

        points = scene.store.series("series", None, 1000)
        values = [point.value.decode() for point in points]
        places = [(point.at, point.sequence) for point in points]
        wanted = [f"racer-{racer} {number}" for racer in range(RACERS) for number in range(TIMES)]
        assert sorted(values) == sorted(wanted)
        assert places == sorted(set(places))
        for racer in range(RACERS):
            own = [value for value in values if value.startswith(f"racer-{racer} ")]
            assert own == [f"racer-{racer} {number}" for number in range(TIMES)]
        for read in found:
            assert [value for _, _, value in read] == values[: len(read)], "a reader missed some"


def _reach(scene: StoreScene) -> str:
    return scene.store.capabilities.reach
