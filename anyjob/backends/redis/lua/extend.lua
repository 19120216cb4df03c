-- ARGV: clock, window, lease in milliseconds, then id and own each. Returns one digit each: 1 extended, 0 lost.
-- A lease past its end may settle while nobody took it, but it is not extended.
local ids, owns, answers, ends = {}, {}, {}, {}
for index = 4, #ARGV, 2 do
  ids[#ids + 1] = ARGV[index]
  owns[#owns + 1] = ARGV[index + 1]
end
local held = read_many('HMGET', KEYS[OWN], ids)
local untils = read_many('ZMSCORE', KEYS[LEASE], ids)
local new = steady + tonumber(ARGV[3])
for index, id in ipairs(ids) do
  local ours = held[index] == owns[index] and untils[index] and tonumber(untils[index]) > steady
  answers[index] = ours and '1' or '0'
  if ours then
    ends[#ends + 1] = within(new)
    ends[#ends + 1] = id
  end
end
many('ZADD', KEYS[LEASE], ends)
return table.concat(answers)
