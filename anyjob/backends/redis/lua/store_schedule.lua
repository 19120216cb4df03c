-- KEYS: stamp, then of each entry: its set's free ones by due time, its values, those that are held by the end of
-- their lease, their tokens. ARGV: clock, then id, due in microseconds and value each. Returns 1 or 0 each.
local answers = {}
check(SCHEDULE)
for index = 2, #KEYS, 4 do
  local at = 2 + (index - 2) / 4 * 3
  local id, due, value = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local added = call('HSETNX', KEYS[index + 1], id, due .. ':' .. value)
  if added == 1 then call('ZADD', KEYS[index], due, id) end
  answers[#answers + 1] = added
end
return answers
