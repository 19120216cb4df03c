-- Returns which commands this user has no right to, of all that are needed. KEYS: the list of queues, for any key.
local missing = {}
for command in string.gmatch(
  'BZPOPMIN DECRBY EXISTS GET GETRANGE HDEL HEXISTS HGET HGETALL HINCRBY HKEYS HLEN HMGET HSET HSETNX INCRBY '
    .. 'INFO LLEN LPOP LPUSH LRANGE PEXPIRE RPUSH SADD SET SETBIT SMEMBERS TIME UNLINK XADD XLEN XRANGE XREVRANGE '
    .. 'XTRIM ZADD ZCARD ZCOUNT ZMSCORE ZRANGE ZRANGEBYSCORE ZREM ZSCORE', '%a+'
) do
  if not redis.acl_check_cmd(command, KEYS[1]) then missing[#missing + 1] = string.lower(command) end
end
return missing
