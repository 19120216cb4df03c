-- Puts back every job that a session holds, nothing counted. ARGV: clock, window, session.
check(0)
local ids, priorities = {}, {}
local owned = call('HGETALL', KEYS[OWN])
for index = 1, #owned, 2 do
  if string.sub(owned[index + 1], 3, 10) == ARGV[3] then
    ids[#ids + 1] = owned[index]
    priorities[owned[index]] = string.sub(owned[index + 1], 1, 1)
  end
end
if #ids == 0 then return 0 end
-- Ids grow with time: the last goes first, so that the first comes to the very head.
table.sort(ids, function(one, other) return one > other end)
local ready, metas = {}, {}
local known = read_many('HMGET', KEYS[META], ids)
for index, id in ipairs(ids) do
  local attempts, redeliveries, _, note = read_meta(known[index])
  add(ready, priorities[id], id)
  metas[#metas + 1] = id
  metas[#metas + 1] = meta_of(attempts, redeliveries, wall, note)
end
many('HSET', KEYS[META], metas)
push(0, 'LPUSH', ready)
many('ZREM', KEYS[LEASE], ids)
many('HDEL', KEYS[OWN], ids)
arm(0)
return #ids
