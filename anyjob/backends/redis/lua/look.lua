-- What queues have for a consumer whose queues are not all in one slot; it fetches behind this.
-- ARGV: clock, window. Returns, a queue each, how many entries are ready and the ms to the next change, as fetch.lua.
local found = {}
for k = 0, #KEYS - NK, NK do
  local ready, wait = 0, -1
  if call('HEXISTS', KEYS[k + FLAGS], 'paused') == 0 then
    local more, due, lapse = bring_up(k, 200)
    wait = more and 0 or until_next(due, lapse)
    for priority = 0, 9 do ready = ready + call('LLEN', KEYS[k + NK - priority]) end
  end
  found[#found + 1] = { ready, ceil(wait) }
end
return found
