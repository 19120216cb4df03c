"""The peers that a measurement runs beside anyjob, and the rows that they bring."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from benchmarks.peers.home import NotInstalled, at_home
from benchmarks.peers.roster import PEERS, Peer, on_redis, peer
from benchmarks.result import Contender, Result, Target
from benchmarks.settings import Settings
from benchmarks.sides import Figures, Rounds, Side, column, ratios

ANYJOB = "anyjob"


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What is compared: every job queue has a row of it."""

    measurement: str
    #: Names the comparison within the measurement, and its sides.
    label: str
    title: str
    unit: str
    #: The name of the figure that a side returns.
    of: str = "rate"
    is_less_better: bool = False


class Field(msgspec.Struct):
    """The peers of one measurement: how they run, and why some do not."""

    peers: dict[str, Peer]
    concurrency: dict[str, int]
    #: By name, and by the name of a side that failed.
    failures: dict[str, str]
    #: What a row says of a peer besides how many jobs it runs at once, by name.
    notes: dict[str, str] = {}
    #: Those that this measurement runs so that they acknowledge otherwise than in the roster.
    acknowledges: dict[str, Literal["early", "late"]] = {}

    def sides(
        self,
        comparison: Comparison,
        target: str,
        among: Callable[[Peer], bool] = lambda _: True,
        **given: Any,
    ) -> dict[str, Side]:
        """A function of `rounds` for each peer that runs, of those among whom it makes sense."""
        return {
            side_name(comparison, name): Side(
                f"benchmarks.peers.rounds:{target}",
                {"name": name, "concurrency": self.concurrency[name], **given},
            )
            for name, known in self.peers.items()
            if among(known)
        }

    def drop(self, name: str, failure: str) -> None:
        """One that does not run is told, and runs no more."""
        del self.peers[name]
        print(f"  {name} is left out: {_last_line(failure)}", flush=True)
        self.failures[name] = failure

    def rows(
        self,
        comparison: Comparison,
        rounds: Rounds,
        among: Callable[[Peer], bool] = lambda _: True,
    ) -> list[Result]:
        """What each peer of the comparison reached, or why it did not."""
        found = []
        for name in self.concurrency:
            if not among(peer(name)):
                continue
            side = side_name(comparison, name)
            failure = self.failures.get(name) or rounds.failures.get(side, "")
            figures = rounds.figures.get(side, [])
            if figures or failure:
                found.append(_row(comparison, figures, self._contender(name, failure)))
        return found

    def best(
        self,
        comparison: Comparison,
        rounds: Rounds,
        among: Callable[[Peer], bool] = lambda each: each.acknowledges == "late",
    ) -> str:
        """The name of the peer that did best; empty if none ran."""
        reached = {
            name: statistics.median(column(figures, comparison.of))
            for name in self.peers
            if among(self.peers[name])
            and (figures := rounds.figures.get(side_name(comparison, name), []))
        }
        choose = min if comparison.is_less_better else max
        return choose(reached, key=lambda name: reached[name], default="")

    def ratio(
        self,
        comparison: Comparison,
        rounds: Rounds,
        ours: Sequence[Figures],
        title: str,
        figure: str,
        target: Target,
        among: Callable[[Peer], bool] = lambda each: each.acknowledges == "late",
    ) -> Result:
        """Ours by the best peer's, round by round; without samples if none ran."""
        name = self.best(comparison, rounds, among)
        theirs = rounds.figures.get(side_name(comparison, name), [])
        return Result(
            measurement=comparison.measurement,
            figure=figure,
            title=f"{title} ({self._named(name)})" if name else f"{title} (none ran)",
            unit="x",
            samples=ratios(column(ours, comparison.of), column(theirs, comparison.of))
            if theirs
            else [],
            target=target,
        )

    def _contender(self, name: str, failure: str) -> Contender:
        known = peer(name)
        return Contender(
            name=name,
            version=at_home(known).version(known.package) if name in self.peers else "",
            setting="; ".join(
                filter(None, (known.setting(self.concurrency[name]), self.notes.get(name)))
            ),
            acknowledges=self.acknowledges.get(name, known.acknowledges),
            failure=_last_line(failure),
        )

    def _named(self, name: str) -> str:
        setting = peer(name).setting(self.concurrency[name])
        return f"{name}, {setting}" if setting else name


def field(settings: Settings, among: Callable[[Peer], bool] = on_redis) -> Field:
    """Install the peers that belong to this run; what cannot be is told."""
    wanted = [each for each in PEERS if among(each) and (each.is_quick or not settings.is_quick)]
    concurrency = {each.name: each.sweep[0] for each in wanted}
    found = Field({each.name: each for each in wanted}, concurrency, {})
    for each in wanted:
        try:
            at_home(each)
        except NotInstalled as error:
            found.drop(each.name, f"not installed: {error}")
    return found


def own_row(comparison: Comparison, figures: Sequence[Figures], setting: str = "") -> Result:
    """What anyjob reached, as a row beside the peers'."""
    return _row(comparison, figures, Contender(name=ANYJOB, setting=setting, acknowledges="late"))


def _row(comparison: Comparison, figures: Sequence[Figures], contender: Contender) -> Result:
    return Result(
        measurement=comparison.measurement,
        figure=f"{comparison.label} {comparison.of}: {contender.name} {contender.setting}".strip(),
        title=comparison.title,
        unit=comparison.unit,
        samples=column(figures, comparison.of),
        contender=contender,
        seen=_seen(comparison, figures),
    )


def _seen(
    comparison: Comparison, figures: Sequence[Figures]
) -> dict[str, list[float] | float | int | str]:
    """The other figures of the rounds."""
    names: Mapping[str, float] = figures[0] if figures else {}
    return {name: column(figures, name) for name in names if name != comparison.of}


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:200] if lines else ""


def side_name(comparison: Comparison, name: str) -> str:
    """How a peer's side of a comparison is called among the rounds."""
    return f"{comparison.label}: {name}"
