-- What every script begins with. ARGV[1] is the clock, as microseconds on the wall and of a clock that never
-- jumps; empty for the server's own, which is both.
local call, floor, ceil, format = redis.call, math.floor, math.ceil, string.format

local wall_us, steady_us = string.match(ARGV[1], '^(%d+):(%d+)$')
if wall_us then
  wall_us, steady_us = tonumber(wall_us), tonumber(steady_us)
else
  local time = call('TIME')
  wall_us = time[1] * 1000000 + time[2]
  steady_us = wall_us
end
local wall, steady = floor(wall_us / 1000), floor(steady_us / 1000)

-- `..` writes no more than 14 digits of a number.
local function whole(number)
  return format('%.0f', number)
end

-- Absolute times of the far future must not become a text that nobody can read back.
local function within(time)
  return math.min(time, 9e15)
end
