-- KEYS: stamp, then the set and its members each. ARGV: clock, then the size each. Returns 1 or 0 each.
local answers = {}
check(SET)
for index = 2, #KEYS, 2 do
  local made = call('HSETNX', KEYS[index], 'size', ARGV[index / 2 + 1])
  if made == 1 then call('HSET', KEYS[index], 'left', ARGV[index / 2 + 1]) end
  answers[#answers + 1] = made
end
return answers
