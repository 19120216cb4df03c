"""Clients that die at each of their requests: CRS-1, CRS-2, and what a call owes its jobs then."""

from __future__ import annotations

from collections.abc import Sequence

from anyjob.conformance.backend.properties import BackendProperties
from anyjob.conformance.crash import Scenario, crash_points
from anyjob.conformance.crash.scenarios import (
    ADMINISTRATION,
    BATCHES,
    BURIALS,
    ENQUEUES,
    FETCHES,
    HOUSE,
    KEYS,
    LEASES,
    RESULTS,
    SETTLEMENTS,
)
from anyjob.conformance.example import shows
from anyjob.conformance.scene import Scene


class Crashes(BackendProperties):
    """After each crash a job is where it was, or where the call puts it; nowhere else."""

    @shows("CRS-1", layer="crash")
    def test_crs_1_client_that_dies_while_it_enqueues(self, scene: Scene) -> None:
        _enumerate(scene, ENQUEUES)

    @shows("CRS-1", layer="crash")
    def test_crs_1_client_that_dies_while_it_fetches(self, scene: Scene) -> None:
        _enumerate(scene, FETCHES)

    @shows("CRS-1", layer="crash")
    def test_crs_1_client_that_dies_while_it_settles(self, scene: Scene) -> None:
        _enumerate(scene, SETTLEMENTS)

    @shows("CRS-1", layer="crash", also=("UNQ-4",))
    def test_crs_1_client_that_dies_with_the_holder_of_a_key(self, scene: Scene) -> None:
        _enumerate(scene, KEYS)

    @shows("CRS-1", layer="crash", also=("LIF-2",))
    def test_crs_1_client_that_dies_while_it_extends_or_closes(self, scene: Scene) -> None:
        _enumerate(scene, LEASES)

    @shows("CRS-2", layer="crash", also=("MNT-1",))
    def test_crs_2_client_that_dies_while_it_keeps_house(self, scene: Scene) -> None:
        _enumerate(scene, HOUSE)

    @shows("CRS-2", layer="crash")
    def test_crs_2_administrator_that_dies(self, scene: Scene) -> None:
        _enumerate(scene, ADMINISTRATION)

    @shows("ENQ-5", layer="crash", also=("ENQ-3",))
    def test_enq_5_batch_cut_at_every_request_is_all_or_nothing(self, scene: Scene) -> None:
        _enumerate(scene, BATCHES)

    @shows("UNQ-3", layer="crash", needs="unique")
    def test_unq_3_enqueue_cut_at_every_request_leaves_no_ghost_key(self, scene: Scene) -> None:
        _enumerate(scene, [each for each in ENQUEUES if each.keyed])

    @shows("SET-7", layer="crash")
    def test_set_7_children_and_settlement_cut_at_every_request(self, scene: Scene) -> None:
        _enumerate(scene, [each for each in SETTLEMENTS if each.children])

    @shows("SET-8", layer="crash", needs="results")
    def test_set_8_result_and_completion_cut_at_every_request(self, scene: Scene) -> None:
        _enumerate(scene, RESULTS)

    @shows("DLQ-3", layer="crash", needs="dead")
    def test_dlq_3_burial_cut_at_every_request_leaves_the_job_in_one_place(
        self, scene: Scene
    ) -> None:
        _enumerate(scene, BURIALS)


def _enumerate(scene: Scene, scenarios: Sequence[Scenario]) -> None:
    """Note how many points there were, and that a store of jobs which dies with its client has
    none inside a call.
    """
    scene.evidence["points"] = crash_points(scene, scenarios)
    declared = scene.capabilities
    if (declared.reach, declared.durability) == ("process", "none"):
        scene.status = "PASS(none)"
