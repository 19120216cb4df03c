-- ARGV: clock, window. Returns {ready, scheduled, leased, dead, ms that the oldest is ready or -1}.
if not is_all_up(0) then return 'again' end
local ENTRIES, BODIES = 32, 4
local ready, oldest = -tonumber(call('HGET', KEYS[FLAGS], 'ghosts') or 0), math.huge

-- The head of a list is its oldest, but for what was put back in front of it and what came due late.
for priority = 0, 9 do
  local key = KEYS[NK - priority]
  local length = call('LLEN', key)
  ready = ready + length
  if length > 0 then
    local ids, bodies = call('LRANGE', key, 0, ENTRIES - 1), 0
    local ghosts, metas = ghosts_among(0, priority, ids, false), call('HMGET', KEYS[META], unpack(ids))
    for index, id in ipairs(ids) do
      local _, _, since = read_meta(metas[index])
      if not ghosts[index] and not since and bodies < BODIES then
        bodies = bodies + 1
        local value = call('HGET', KEYS[JOBS], id)
        since = value and since_of(value)
      end
      if not ghosts[index] and since then oldest = math.min(oldest, since) end
    end
  end
end
ready = math.max(0, ready)
local age = (ready > 0 and oldest < math.huge) and math.max(0, wall - oldest) or -1
return { ready, call('ZCARD', KEYS[SCHED]), call('ZCARD', KEYS[LEASE]), call('ZCARD', KEYS[DEAD]), age }
