-- ARGV: clock, window. Does a slice of each chore; returns {whether there may be more, ms to the next change or -1}.
local more, due, lapse = bring_up(0, LOT)

local over = call('ZRANGEBYSCORE', KEYS[FORGET], '-inf', steady, 'LIMIT', 0, LOT)
many('HDEL', KEYS[ENDED], over)
many('ZREM', KEYS[FORGET], over)
more = more or #over == LOT

if window > 0 and tonumber(call('HGET', KEYS[FLAGS], 'turn') or 0) < floor(steady / window) - 1 then
  call('UNLINK', KEYS[SEEN], KEYS[SEEN + 1])
end

-- A job that is marked as leased and has no lease, as no script of ours leaves it, would wait for ever.
if call('HLEN', KEYS[OWN]) > call('ZCARD', KEYS[LEASE]) then
  local stray = {}
  local ids = call('HKEYS', KEYS[OWN])
  for index, until_ in ipairs(read_many('ZMSCORE', KEYS[LEASE], ids)) do
    if not until_ then
      stray[#stray + 1] = steady
      stray[#stray + 1] = ids[index]
    end
  end
  many('ZADD', KEYS[LEASE], stray)
  more = true
end
return { more and 1 or 0, ceil(until_next(due, lapse)) }
