-- Makes dead jobs ready. ARGV: clock, window, 'all' or 'some', number of the last burial seen, edited bodies, then
-- id and body each of those; then ids. Returns {how many, number of the last burial seen or ''}.
check(0)
local all, last, edits = ARGV[3] == 'all', ARGV[4], tonumber(ARGV[5])
local ids, bodies, following = {}, {}, ''
for index = 6, 5 + 2 * edits, 2 do bodies[ARGV[index]] = ARGV[index + 1] end
if all then
  local found = call('ZRANGEBYSCORE', KEYS[DEAD], '(' .. last, '+inf', 'WITHSCORES', 'LIMIT', 0, LOT)
  for index = 1, #found, 2 do ids[#ids + 1] = found[index] end
  if #ids == LOT then following = found[#found] end
else
  for index = 6 + 2 * edits, #ARGV do ids[#ids + 1] = ARGV[index] end
end
if #ids == 0 then return { 0, '' } end

local dead, values = read_many('ZMSCORE', KEYS[DEAD], ids), read_many('HMGET', KEYS[JOBS], ids)
local metas, holds = read_many('HMGET', KEYS[META], ids), read_many('HMGET', KEYS[HOLDS], ids)
local revived, ready, done = {}, {}, {}
for index, id in ipairs(ids) do
  local value, free_to = values[index], true
  if dead[index] and value and not done[id] then
    if holds[index] then
      local ttl, key = string.match(holds[index], '^(%d+):(.*)$')
      free_to = not holder_of(0, key)
      if free_to then
        -- Alive before the next one asks who holds its key.
        call('ZREM', KEYS[DEAD], id)
        take_key(0, key, ttl, id)
      end
    end
    if free_to then
      local priority = priority_of(value)
      local _, _, _, note = read_meta(metas[index])
      done[id] = true
      revived[#revived + 1] = id
      add(ready, priority, id)
      call('HSET', KEYS[META], id, meta_of(0, 0, wall, note))
      if bodies[id] then call('HSET', KEYS[JOBS], id, value_of(priority, wall, bodies[id])) end
    end
  end
end
push(0, 'RPUSH', ready)
many('ZREM', KEYS[DEAD], revived)
many('HDEL', KEYS[WHY], revived)
if #revived > 0 then arm(0) end
return { #revived, following }
