"""A worker's posts, one a backend, and what several of them share: slots, suspects, children."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping

import msgspec

from anyjob.worker.children import ParentsHeld, Send, Way, WayOf
from anyjob.worker.held import Held
from anyjob.worker.home import Holder, Homes, Judge, Pacer
from anyjob.worker.pool import Account, Pool
from anyjob.worker.post import Ground, Post, Shared, Voice


class Routes(msgspec.Struct, frozen=True, eq=False):
    """Where children go, of several backends."""

    #: The name of the backend that has a queue.
    way_of: WayOf
    #: By name, what stores jobs there.
    send: Mapping[str, Send]


class Posts:
    """The posts of a worker; further ones may come while it works. Any thread may look."""

    def __init__(
        self,
        shared: Shared,
        concurrency: int,
        routes: Routes | None,
    ) -> None:
        """`routes` is None where there is one backend."""
        self._shared = shared
        self._concurrency = concurrency
        self._routes = routes
        self._posts: tuple[Post, ...] = ()
        self._by_queue: dict[str, Post] = {}
        names = list(routes.send) if routes is not None else []
        self._voices = {name: Voice(name, shared) for name in names}
        self._ways = self._made_ways(routes) if routes is not None else {}
        self._account = Account(concurrency, shared.clock.monotonic)
        #: Guards the adding of posts, and what they are started with: nothing comes after `stop`.
        self._adding = threading.Lock()
        self._begin: Callable[[Post], None] | None = None
        self._stopped = False

    def __iter__(self) -> Iterator[Post]:
        return iter(self._posts)

    def voice_of(self, name: str) -> Voice:
        """Return who speaks of a backend."""
        return self._voices[name]

    def add(self, ground: Ground) -> None:
        """Take up a post; it begins with the others, or now if they have begun."""
        with self._adding:
            if self._stopped:
                return
            post = self._one(ground) if self._routes is None else self._one_of_several(ground)
            self._posts = (*self._posts, post)
            self._let_know_each_other()
            if self._begin is not None:
                self._begin(post)

    def start(self, begin: Callable[[Post], None]) -> None:
        """Begin at each post, and at those that come later."""
        with self._adding:
            self._begin = begin
            for post in self._posts:
                begin(post)

    def stop(self) -> None:
        """Take up no further post."""
        with self._adding:
            self._stopped = True

    def stop_children(self) -> None:
        """Send no more children."""
        for way in self._ways.values():
            way.stop()

    def for_slots(self) -> tuple[Holder, Judge, Pacer]:
        """Return whom slots ask: the one post itself, or whichever an attempt is of."""
        if self._routes is None:
            [post] = self._posts
            return post.held, post.judgement, post.pace
        homes = Homes(self._by_queue)
        return homes, homes, homes

    def _one(self, ground: Ground) -> Post:
        held = Held()
        pool = Pool(held, self._concurrency)
        voice = Voice(ground.name, self._shared)
        return Post(ground, self._shared, held, pool, voice, is_first=True)

    def _one_of_several(self, ground: Ground) -> Post:
        queues = [share.queue for share in ground.settings.shares]
        ways = {name: way for name, way in self._ways.items() if name != ground.name}
        assert self._routes is not None  # noqa: S101 - one of several has routes
        held = ParentsHeld(ways, self._routes.way_of)
        member = self._account.member(held)
        is_first = not self._posts
        voice = self._voices[ground.name]
        post = Post(ground, self._shared, held, member, voice, is_first=is_first)
        held.on_room = self._on_room
        member.on_recall = post.fetcher.on_given_back
        member.on_turn = post.fetcher.on_turn
        self._by_queue.update(dict.fromkeys(queues, post))
        return post

    def _let_know_each_other(self) -> None:
        for post in self._posts:
            others = [other for other in self._posts if other is not post]
            post.fetcher.on_suspect = [other.fetcher.give_back for other in others]

    def _on_room(self) -> None:
        """A slot is free for whichever backend has a job for it."""
        for post in self._posts:
            post.fetcher.on_room()

    def _made_ways(self, routes: Routes) -> dict[str, Way]:
        return {
            name: Way(name, routes.way_of, send, self._voices[name].outage, self._voices[name].log)
            for name, send in routes.send.items()
        }
