-- KEYS: stamp, the set's four keys each. ARGV: clock, then the id each. Returns 1 or 0 each.
local answers = {}
check(SCHEDULE)
for index = 2, #KEYS, 4 do
  local id = ARGV[(index - 2) / 4 + 2]
  local ends = call('ZSCORE', KEYS[index + 2], id)
  local open = call('HEXISTS', KEYS[index + 1], id) == 1 and not (ends and tonumber(ends) > steady)
  if open then
    call('ZREM', KEYS[index], id)
    call('HDEL', KEYS[index + 1], id)
    call('ZREM', KEYS[index + 2], id)
    call('HDEL', KEYS[index + 3], id)
  end
  answers[#answers + 1] = open and 1 or 0
end
return answers
