-- Removes dead jobs. ARGV: clock, window, 'all' or 'some', ids. Returns {how many, whether there may be more}.
check(0)
local ids, gone, more = {}, {}, 0
if ARGV[3] == 'all' then
  gone = call('ZRANGE', KEYS[DEAD], 0, LOT - 1)
  if #gone == LOT then more = 1 end
else
  local done = {}
  for index = 4, #ARGV do ids[#ids + 1] = ARGV[index] end
  for _, id in ipairs(ids) do
    if call('ZSCORE', KEYS[DEAD], id) and not done[id] then
      done[id] = true
      gone[#gone + 1] = id
    end
  end
end
free(0, gone, true)
many('ZREM', KEYS[DEAD], gone)
many('HDEL', KEYS[JOBS], gone)
many('HDEL', KEYS[META], gone)
many('HDEL', KEYS[WHY], gone)
tell_ended(gone)
return { #gone, more }
