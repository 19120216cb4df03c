"""Jobs and state in Redis or Valkey, for any number of hosts."""

from anyjob.backends.redis.backend import RedisBackend
from anyjob.backends.redis.store import RedisStore

__all__ = ["RedisBackend", "RedisStore"]
