"""A wire between a client and its server that is cut, frozen and slowed at will."""

from anyjob.conformance.wire.proxy import Cut, Proxy
from anyjob.conformance.wire.turns import Turns

__all__ = ["Cut", "Proxy", "Turns"]
