"""What is lost and what runs twice is read from the journal, and judged by when the kill was."""

from pathlib import Path

from benchmarks.journal import Journal, Witness
from benchmarks.kills import Kill, Outcome, results
from benchmarks.kills import figures as compared
from benchmarks.redis_kills import rounds

VICTIM, SURVIVOR = 1, 2
KILL = Kill(VICTIM, at=10.0)


def journal(folder: Path, *lines: str) -> Journal:
    path = folder / "journal"
    path.write_text("".join(f"{line}\n" for line in lines))
    return Journal.read(path)


def figures(journal: Journal, enqueued: int) -> dict[str, float]:
    return {result.figure: result.value for result in results(journal, enqueued, [KILL])}


def test_a_job_that_was_cut_and_ran_again_is_neither_lost_nor_one_too_many(tmp_path: Path) -> None:
    found = journal(tmp_path, "S 0 1 9.9", "S 0 2 13.5", "E 0 2 13.6")

    assert figures(found, 1) == {"lost": 0, "twice": 0, "twice_without_a_kill": 0, "back": 3.5}


def test_a_job_that_never_ended_is_lost(tmp_path: Path) -> None:
    found = journal(tmp_path, "S 0 1 9.9", "S 1 2 9.9", "E 1 2 10.1")

    assert figures(found, 3)["lost"] == 2


def test_a_job_that_ended_just_before_the_kill_may_run_again(tmp_path: Path) -> None:
    found = journal(tmp_path, "S 0 1 9.9", "E 0 1 9.95", "S 0 2 13.5", "E 0 2 13.6")

    assert figures(found, 1)["twice"] == 0


def test_a_job_that_ended_long_before_the_kill_and_ran_again_is_one_too_many(
    tmp_path: Path,
) -> None:
    found = journal(tmp_path, "S 0 1 8.0", "E 0 1 8.1", "S 0 2 13.5", "E 0 2 13.6")

    assert figures(found, 1)["twice"] == 1


def test_a_job_that_a_living_worker_ran_twice_is_told_apart(tmp_path: Path) -> None:
    found = journal(tmp_path, "S 0 2 1.0", "E 0 2 1.1", "S 0 3 2.0", "E 0 3 2.1")

    assert figures(found, 1)["twice_without_a_kill"] == 1


def test_a_job_that_was_cut_and_never_ran_again_is_absent(tmp_path: Path) -> None:
    found = journal(tmp_path, "S 0 1 9.9", "S 1 1 9.9", "S 1 2 13.5", "E 1 2 13.6")

    figures = compared(Outcome(found, 2, [KILL]))

    assert (figures["lost"], figures["cut"], figures["absent"], figures["back"]) == (1, 2, 1, 3.5)


def test_a_job_that_was_cut_and_ran_again_is_not_doubled(tmp_path: Path) -> None:
    found = journal(
        tmp_path,
        *("S 0 1 9.9", "S 0 2 13.5", "E 0 2 13.6"),
        *("S 1 1 8.9", "E 1 1 9.1", "S 1 2 13.5", "E 1 2 13.6"),
    )

    assert compared(Outcome(found, 2, [KILL]))["doubled"] == 1


def test_a_witness_reads_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    witness = Witness(path)

    witness.look()
    path.write_text("S 0 1 9.9\n")
    witness.look()
    with path.open("a") as file:
        file.write("S 1 2 9.9\nE 1 2 10.1\n")
    witness.look()

    assert (witness.pids, witness.ended) == ({1, 2}, {1})


def test_a_peer_whose_jobs_did_not_come_back_is_told_so_in_place_of_a_time(tmp_path: Path) -> None:
    found = journal(tmp_path, "S 0 1 9.9", "S 1 1 9.9", "S 1 2 13.5", "E 1 2 13.6")

    sides = rounds({"Huey": Outcome(found, 2, [KILL])}, seconds=75)

    assert sides.failures == {"back: Huey": "not back within 75 s: 1 of 2"}
    assert sides.figures["kills: Huey"][0]["lost"] == 1


def test_a_peer_of_which_no_kill_cut_a_job_has_no_time(tmp_path: Path) -> None:
    found = journal(tmp_path, "S 0 2 9.9", "E 0 2 10.1")

    sides = rounds({"Huey": Outcome(found, 1, [KILL])}, seconds=75)

    assert sides.failures == {"back: Huey": "no kill cut a job"}
