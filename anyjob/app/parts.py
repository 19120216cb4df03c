"""An app with several backends: which of them a job goes to, and what is told when one is away."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from anyjob.app.lots import Finish, start_lot, store_lots
from anyjob.app.plan import drafted
from anyjob.app.send import LOT, asend, lots_of, send
from anyjob.config.several import no_route
from anyjob.core.draft import AnyDraft, Draft
from anyjob.core.envelope import Envelope, Receipt, Rejected
from anyjob.core.errors import (
    BackendError,
    ConfigurationError,
    EnqueueRejected,
    PayloadTooLarge,
)
from anyjob.core.job import Job
from anyjob.core.middleware import Middleware, overrides
from anyjob.core.names import suggestion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anyjob.app.app import App
    from anyjob.config import Config

R = TypeVar("R")
ToAnswer = Callable[[AnyDraft, Envelope, Receipt], Job[Any] | Rejected]


class Parts:
    """The parts of an app, each on one backend, opened when one of its queues is first used."""

    def __init__(
        self, apps: Mapping[str, App], config: Config, middleware: Sequence[Middleware]
    ) -> None:
        self.apps = apps
        self._config = config
        self._enqueuing = [one for one in middleware if overrides(one, "enqueue")]

    def named(self, name: str) -> App:
        """Return the part on this backend; raises ConfigurationError."""
        if name not in self.apps:
            raise ConfigurationError(f"no backend {name!r}{suggestion(name, self.apps)}")
        return self.apps[name]

    def of(self, queue: str) -> App:
        """Return the part that has a queue; raises ConfigurationError."""
        name = self._config.route_of(queue)
        if name is None:
            raise ConfigurationError(no_route(queue, self._config.backends))
        return self.apps[name]

    def destined(self, draft: AnyDraft) -> tuple[AnyDraft, App] | Rejected:
        """Return what middleware makes of a draft, and the part that it goes to."""
        changed = drafted(draft, self._enqueuing)
        if isinstance(changed, Rejected):
            return changed
        return changed, self.of(changed.task.options_for(changed.options).queue)

    def enqueue(self, draft: Draft[R]) -> tuple[Envelope, Receipt]:
        """Store one job; as `App.enqueue`."""
        changed, part = self._accepted(draft)
        opened = part.opened()
        envelope = opened.planner.planned(changed)
        return envelope, send(opened.backend, [envelope], changed.transaction)[0]

    async def aenqueue(self, draft: Draft[R]) -> tuple[Envelope, Receipt]:
        """Store one job; as `App.aenqueue`."""
        changed, part = self._accepted(draft)
        opened = await part.aopened()
        envelope = opened.planner.planned(changed)
        return envelope, await asend(opened.backend, envelope, opened.publisher)

    def enqueue_many(self, drafts: Iterable[Any], to_answer: ToAnswer) -> list[Job[Any] | Rejected]:
        """Store jobs by lots; as `App.enqueue_many`.

        What goes to a backend that answers is stored also where another fails in the same lot. The
        error is raised then, and holds in `stored`, for each of its own jobs, itself.
        """
        return store_lots(
            lambda lot: [self._planned(draft) for draft in lot],
            lambda lot, planned: self._start(lot, planned, to_answer),
            lots_of(drafts, LOT),
        )

    def _accepted(self, draft: AnyDraft) -> tuple[AnyDraft, App]:
        destined = self.destined(draft)
        if isinstance(destined, Rejected):
            raise EnqueueRejected(f"a job of task {draft.task.name!r} was rejected: {destined.why}")
        return destined

    def _planned(self, draft: AnyDraft) -> Envelope | Rejected | BackendError:
        """Return what to store of a draft, why it cannot be, or that its backend does not open."""
        try:
            destined = self.destined(draft)
            if isinstance(destined, Rejected):
                return destined
            changed, part = destined
            return part.opened().planner.planned(changed)
        except (ConfigurationError, PayloadTooLarge) as error:
            return Rejected(str(error))
        except BackendError as error:
            return error

    def _start(
        self,
        lot: list[AnyDraft],
        planned: Sequence[Envelope | Rejected | BackendError],
        to_answer: ToAnswer,
    ) -> Finish:
        """Begin to store a lot with every backend that it goes to, whatever another one says."""
        places: dict[str, list[int]] = {}
        for place, one in enumerate(planned):
            if isinstance(one, Envelope):
                places.setdefault(self._config.route_of(one.queue) or "", []).append(place)
        ends: list[tuple[list[int], Finish]] = []
        for name, all_places in places.items():
            backend = self.apps[name].opened().backend
            for some in lots_of(all_places, backend.capabilities.max_batch):
                drafts = [lot[place] for place in some]
                envelopes: list[Any] = [planned[place] for place in some]
                ends.append((some, _begun(start_lot, backend, drafts, envelopes, to_answer)))

        def finish() -> list[Job[Any] | Rejected]:
            answers: list[Any] = list(planned)
            for some, end in ends:
                for place, answer in zip(some, _answers(end, len(some)), strict=True):
                    answers[place] = answer
            for answer in answers:
                if isinstance(answer, BackendError):
                    answer.stored = answers
                    raise answer
            return answers

        return finish


def _begun(start: Callable[..., Finish], *args: Any) -> Finish:
    """Begin now, and tell of a failure at the end, when the other backends have begun too."""
    try:
        return start(*args)
    except BackendError as error:
        failure = error

    def fail() -> list[Job[Any] | Rejected]:
        raise failure

    return fail


def _answers(end: Finish, count: int) -> Sequence[Job[Any] | Rejected | BackendError]:
    try:
        return end()
    except BackendError as error:
        return [error] * count
