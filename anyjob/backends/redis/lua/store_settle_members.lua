-- KEYS: stamp, then the set and its members each. ARGV: clock, then the ordinal each. Returns {changed, left} each; or,
-- nothing having been done, {number of the first bad one, size or -1}.
check(SET)
for index = 2, #KEYS, 2 do
  local size = tonumber(call('HGET', KEYS[index], 'size') or -1)
  if tonumber(ARGV[index / 2 + 1]) >= size then return { index / 2, size } end
end
local answers = {}
for index = 2, #KEYS, 2 do
  local changed = 1 - call('SETBIT', KEYS[index + 1], ARGV[index / 2 + 1], 1)
  answers[#answers + 1] = { changed, call('HINCRBY', KEYS[index], 'left', 0 - changed) }
end
return answers
