-- Stores jobs of one queue and priority that are ready at once and have no unique key, which is what most are: as
-- enqueue.lua, with the fewest keys and calls. KEYS: jobs, ended, seen0, seen1, wake, the priority's list. ARGV: clock,
-- window, priority, then id and body each. Returns 1 stored or 0 known, each.
local ids, count = {}, (#ARGV - 3) / 2
for index = 1, count do ids[index] = ARGV[2 + 2 * index] end

local known = call('HMGET', KEYS[1], unpack(ids))
for key = 2, 4 do
  if count == 1 or call('EXISTS', KEYS[key]) == 1 then
    for index, text in ipairs(call('HMGET', KEYS[key], unpack(ids))) do
      if text and tonumber(string.match(text, '^[^:]*:[^:]*:[^:]*:[^:]*:(%d+)')) > steady then known[index] = text end
    end
  end
end

local head = ARGV[3] .. struct.pack('>I6', wall)
local receipts, new, values, taken = {}, {}, {}, {}
for index, id in ipairs(ids) do
  if known[index] or taken[id] then
    receipts[index] = 0
  else
    taken[id], receipts[index] = true, 1
    new[#new + 1] = id
    values[#values + 1] = id
    values[#values + 1] = head .. ARGV[3 + 2 * index]
  end
end
if #new > 0 then
  call('ZADD', KEYS[5], 0, '0')
  call('RPUSH', KEYS[6], unpack(new))
  call('HSET', KEYS[1], unpack(values))
end
return receipts
