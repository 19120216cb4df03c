"""Every mutant, by the group of the property that has to catch it."""

from tests.conformance.zoo.catalogue.admin import ADMIN
from tests.conformance.zoo.catalogue.by_hand import BY_HAND
from tests.conformance.zoo.catalogue.crashes import CRASHES
from tests.conformance.zoo.catalogue.dead import DEAD
from tests.conformance.zoo.catalogue.declared import LIARS
from tests.conformance.zoo.catalogue.enqueue import ENQUEUE, UNIQUE
from tests.conformance.zoo.catalogue.fetch import FETCH
from tests.conformance.zoo.catalogue.kombu import KOMBU
from tests.conformance.zoo.catalogue.lease import LEASE
from tests.conformance.zoo.catalogue.order import ORDER
from tests.conformance.zoo.catalogue.payload import PAYLOAD
from tests.conformance.zoo.catalogue.redis import REDIS
from tests.conformance.zoo.catalogue.settle import SETTLE
from tests.conformance.zoo.catalogue.sqlite import SQLITE
from tests.conformance.zoo.catalogue.sqs import SQS
from tests.conformance.zoo.catalogue.stores import STORES
from tests.conformance.zoo.catalogue.time import MAINTAIN, TIME
from tests.conformance.zoo.catalogue.whole import LIFE, SHARED
from tests.conformance.zoo.catalogue.wired import WIRED

BROKEN = [
    *ENQUEUE,
    *UNIQUE,
    *FETCH,
    *LEASE,
    *SETTLE,
    *TIME,
    *MAINTAIN,
    *ORDER,
    *DEAD,
    *ADMIN,
    *PAYLOAD,
    *SHARED,
    *LIFE,
    *STORES,
    *SQLITE,
    *BY_HAND,
    *CRASHES,
    *WIRED,
    *REDIS,
    *KOMBU,
    *SQS,
]
MUTANTS = [*BROKEN, *LIARS]
