-- KEYS: stamp, the set's four keys each. ARGV: clock, then id and token each. Returns 1 or 0 each.
local answers = {}
check(SCHEDULE)
for index = 2, #KEYS, 4 do
  local at = index / 2 + 1
  local id = ARGV[at]
  local ours = call('HGET', KEYS[index + 3], id) == ARGV[at + 1]
  if ours then
    call('ZREM', KEYS[index], id)
    call('HDEL', KEYS[index + 1], id)
    call('ZREM', KEYS[index + 2], id)
    call('HDEL', KEYS[index + 3], id)
  end
  answers[#answers + 1] = ours and 1 or 0
end
return answers
