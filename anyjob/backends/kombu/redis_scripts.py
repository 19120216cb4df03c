"""What Redis does in one step each: jobs are taken, kept, renewed, ended and given back.

Keys are `kept` (a HASH, by the token of a lease: the list that the message came from, and the
message as kombu wrote it), `lease` (a ZSET of tokens, by the time at which they lapse), `lost` (a
HASH, by the hash of a message: its lost leases) and `mark` (a STRING by which the server is known
again). The first argument is the time in milliseconds; empty, it is the server's.
"""

from __future__ import annotations

# A script that is refused for want of memory could end no job: kept moves, and frees in the end.
_HEAD = """#!lua flags=allow-oom
local kept, lease, lost = KEYS[1], KEYS[2], KEYS[3]
local call = redis.call
local now = tonumber(ARGV[1])
if not now then
  local t = call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
local function parts(value)
  local cut = string.find(value, '\\n', 1, true)
  return string.sub(value, 1, cut - 1), string.sub(value, cut + 1)
end
local function marked(new)
  local mark = call('GET', KEYS[4])
  if mark then return mark end
  call('SET', KEYS[4], new)
  return new
end
local function back(token, value)
  local queue, raw = parts(value)
  call('HINCRBY', lost, redis.sha1hex(raw), 1)
  call('RPUSH', queue, raw)
  call('HDEL', kept, token)
  call('ZREM', lease, token)
end
"""
# The new place is written first, so that an error in between leaves two copies and never none.
_TAKE = (
    _HEAD
    + """
local out, i = {tostring(now), marked(ARGV[3])}, 4
for k = 5, #KEYS do
  while ARGV[i] do
    local raw = call('LINDEX', KEYS[k], -1)
    if not raw then break end
    call('HSET', kept, ARGV[i], KEYS[k] .. '\\n' .. raw)
    call('ZADD', lease, now + ARGV[2], ARGV[i])
    call('RPOP', KEYS[k])
    out[#out + 1] = raw
    out[#out + 1] = call('HGET', lost, redis.sha1hex(raw)) or '0'
    i = i + 1
  end
end
return out
"""
)
_TEND = (
    _HEAD
    + """
local over = call('ZRANGE', lease, '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[2])
for i = #over, 1, -1 do
  local value = call('HGET', kept, over[i])
  if value then back(over[i], value) else call('ZREM', lease, over[i]) end
end
return {#over, marked(ARGV[3])}
"""
)
_EACH = """
local out = {}
for i = %d, #ARGV do
  local value = call('HGET', kept, ARGV[i])
  out[#out + 1] = value and 1 or 0
  if value then %s end
end
return out
"""
_REMOVE = _HEAD + _EACH % (2, """
    local _, raw = parts(value)
    call('HDEL', kept, ARGV[i])
    call('ZREM', lease, ARGV[i])
    call('HDEL', lost, redis.sha1hex(raw))""")  # fmt: skip
_GIVE_UP = _HEAD + _EACH % (2, "back(ARGV[i], value)")
_RENEW = _HEAD + _EACH % (3, "call('ZADD', lease, now + ARGV[2], ARGV[i])")
_MOVE = """#!lua flags=allow-oom
local out = {}
for i = 1, #KEYS - 1 do
  local found = redis.call('LPOS', KEYS[#KEYS], ARGV[2 * i - 1], 'RANK', -1)
  out[i] = found and 1 or 0
  if found then
    redis.call('LPUSH', KEYS[i], ARGV[2 * i])
    redis.call('LREM', KEYS[#KEYS], -1, ARGV[2 * i - 1])
  end
end
return out
"""
SCRIPTS = {
    "move": _MOVE,
    "take": _TAKE,
    "tend": _TEND,
    "remove": _REMOVE,
    "give_up": _GIVE_UP,
    "renew": _RENEW,
}
