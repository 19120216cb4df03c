-- ARGV: clock, window, state (ready or scheduled). Removes a slice; returns {how many, whether there may be more}.
if not is_all_up(0) then return 'again' end
check(0)
local ids, more = {}, 0

if ARGV[3] == 'scheduled' then
  local members = call('ZRANGE', KEYS[SCHED], 0, LOT - 1)
  for _, member in ipairs(members) do ids[#ids + 1] = string.sub(member, 3) end
  many('ZREM', KEYS[SCHED], members)
  if #members == LOT then more = 1 end
else
  for priority = 9, 0, -1 do
    local entries = call('LRANGE', KEYS[NK - priority], 0, LOT - 1)
    if #entries > 0 then
      local ghosts = ghosts_among(0, priority, entries, true)
      for index, id in ipairs(entries) do
        if not ghosts[index] then ids[#ids + 1] = id end
      end
      pop(0, priority, #entries)
      if #entries == LOT then more = 1 end
    end
  end
end
free(0, ids, true)
local removed = 0
for first = 1, #ids, LOT do
  removed = removed + call('HDEL', KEYS[JOBS], unpack(ids, first, math.min(first + LOT - 1, #ids)))
end
many('HDEL', KEYS[META], ids)
tell_ended(ids)
return { removed, more }
