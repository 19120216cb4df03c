"""A run of the suite as the command line wants it: from words to a report, its failures and the
files in which they can be met again.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from anyjob.conformance.catalogue import every_test
from anyjob.conformance.effort import Effort, Tier
from anyjob.conformance.engine.badge import badge
from anyjob.conformance.engine.junit import junit
from anyjob.conformance.engine.known import WrongUse, read_known
from anyjob.conformance.engine.loading import find_harness
from anyjob.conformance.engine.matrix import matrix
from anyjob.conformance.engine.outcome import BAD, Outcome
from anyjob.conformance.engine.profiles import PARTS, PROFILES, properties_in
from anyjob.conformance.engine.replay import FOLDER, Replay, read_replay, write_replay
from anyjob.conformance.engine.report import Report, encoded, report_on
from anyjob.conformance.engine.shares import Shares, processes_here
from anyjob.conformance.engine.spec import Spec, chosen
from anyjob.conformance.engine.text import bad_ones, failures, summary
from anyjob.conformance.manifest import properties_of, property_of

#: What a report can be written as, by the option that names the file.
WRITERS: dict[str, Callable[[Report], bytes]] = {
    "json": encoded,
    "junit": junit,
    "markdown": lambda report: matrix([report]).encode(),
    "badge": badge,
}


class Command:
    """One run. Everything that can be said against it is said when it is made, by WrongUse or
    ConfigurationError.
    """

    def __init__(
        self,
        harness: str | None,
        *,
        tier: Tier | None = None,
        seed: int | None = None,
        only: Sequence[str] = (),
        profiles: Sequence[str] = (),
        replay: Path | None = None,
        processes: int | None = None,
    ) -> None:
        self._replay = None if replay is None else _read(replay, [tier, seed, *only, *profiles])
        if harness is None and self._replay is None:
            raise WrongUse("no harness is named; write it as module:Class")
        spec = harness or (self._replay.harness if self._replay else "")
        self._profiles = tuple(profiles)
        self._known = read_known(Path.cwd())
        self._spec = Spec(
            harness=spec,
            effort=self._replay.effort if self._replay else _effort(tier, seed),
            only=(self._replay.property,) if self._replay else chosen(only, profiles),
            test=self._replay.test if self._replay else None,
        )
        self._harness = find_harness(spec)
        # A few tests end sooner than another process begins.
        self._processes = processes or (1 if only or self._replay else processes_here())
        self._outcomes: list[Outcome] = []
        self._is_interrupted = False

    def run(self, progress: Callable[[int, int], object]) -> None:
        """Run the tests; raises KeyboardInterrupt on Ctrl-C, with what ran kept."""
        shares = Shares(self._spec, progress, processes=self._processes)
        try:
            shares.run()
        except KeyboardInterrupt:
            self._is_interrupted = True
            raise
        finally:
            self._outcomes = shares.outcomes

    @property
    def report(self) -> Report:
        """What was found."""
        parts = {part for part in PARTS if self._offers(part)}
        return report_on(
            self._harness.__name__,
            {part: [each for each in self._outcomes if each.part == part] for part in parts},
            known=self._known,
            spent=self._spec.effort,
            only=self._spec.only,
            interrupted=self._is_interrupted,
        )

    def _offers(self, part: str) -> bool:
        from anyjob.conformance.harness import offers

        return offers(self._harness(), part)

    def told(self) -> Iterator[str]:
        """The failures and how it stands, in lines; writes a replay file for each failure."""
        bad = bad_ones(self._outcomes, self.report)
        yield from failures(bad, self._replays(bad))
        if self._replay is not None:
            yield from self._compared(self._replay, bad)
            return
        yield ""
        yield from summary(self.report)

    def _replays(self, bad: Sequence[Outcome]) -> dict[str, str]:
        return {
            each.test: "anyjob conformance --replay "
            + str(write_replay(each, self._spec.harness, self._spec.effort, FOLDER))
            for each in bad
        }

    def _compared(self, replay: Replay, bad: Sequence[Outcome]) -> Iterator[str]:
        yield ""
        if not bad:
            yield f"{replay.property}: {replay.test} does not fail any more"
        elif any(replay.is_same(each) for each in bad):
            yield f"{replay.property}: {replay.test} failed in the same way"
        else:
            yield f"{replay.property}: {replay.test} failed in another way than in the file"

    @property
    def objections(self) -> list[str]:
        """Why the run did not succeed; empty if it did. A profile that was asked for has to be
        certified, without one nothing may be bad.
        """
        report = self.report
        found = [
            f"{id} is {each.status}" for id, each in report.verdicts.items() if each.status in BAD
        ]
        for profile in self._profiles:
            for name, part in report.parts.items():
                certificate = part.profiles.get(profile)
                if certificate is not None and certificate.standing != "certified":
                    found.append(f"profile {profile} of the {name} is {certificate.standing}")
        return found


def listed() -> Iterator[tuple[str, str, str, str]]:
    """Every property: id, profile, how it is shown, statement."""
    for part in PARTS:
        for id, each in properties_of(part).items():
            yield id, profile_of(id), each.how, each.statement


def explained(id: str) -> Iterator[str]:
    """All there is to say of one property, in lines; raises WrongUse for an unknown one."""
    [id] = chosen([id], [])
    meant = property_of(id)
    yield f"{id} ({profile_of(id)}): {meant.statement}"
    yield f"  weaker: {meant.weaker or 'nobody may'}"
    if meant.waits_for is not None:
        yield f"  waits for: {meant.waits_for}"
    for part in PARTS:
        for _, name, example in every_test(part):
            if id in (example.property_id, *example.also):
                needs = f", needs the hook {example.hook}" if example.hook else ""
                yield f"  {example.layer}: {part}/{name}{needs}"


def profile_of(id: str) -> str:
    """The profile that a property belongs to."""
    return next(
        profile for profile in PROFILES for part in PARTS if id in properties_in(profile, part)
    )


def _read(path: Path, others: Sequence[object]) -> Replay:
    if any(other is not None for other in others):
        raise WrongUse(
            "--replay has its own tier, seed and property; leave out --tier, --seed, --only and"
            " --profile"
        )
    return read_replay(path)


def _effort(tier: Tier | None, seed: int | None) -> Effort:
    if seed is None:
        # A soak is there to try what nobody has tried; its report says which seed that was.
        seed = random.SystemRandom().randrange(2**31) if tier == "soak" else 0
    return Effort(tier=tier or "quick", seed=seed)
