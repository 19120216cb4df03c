-- KEYS: stamp, the set's four keys. ARGV: clock, limit, lease in ms. Returns {id, due, value, token} each.
local free, values, held, tokens = KEYS[2], KEYS[3], KEYS[4], KEYS[5]
check(SCHEDULE)

local function due_of(id)
  return string.match(call('HGET', values, id) or '', '^(-?%d+):(.*)$')
end

for _, id in ipairs(call('ZRANGEBYSCORE', held, '-inf', steady)) do
  call('ZREM', held, id)
  local due = due_of(id)
  if due then call('ZADD', free, due, id) end
end

local taken = {}
for _, id in ipairs(call('ZRANGEBYSCORE', free, '-inf', wall_us, 'LIMIT', 0, ARGV[2])) do
  local due, value = due_of(id)
  call('ZREM', free, id)
  if due then
    local token = whole(stamp())
    call('ZADD', held, within(steady + tonumber(ARGV[3])), id)
    call('HSET', tokens, id, token)
    taken[#taken + 1] = { id, due, value, token }
  end
end
keep_stamp()
return taken
