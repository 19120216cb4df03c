-- ARGV: clock, microseconds to keep, then the value each. A series is a stream whose ids are time and stamp.
check(SERIES)
for index = 2, #KEYS do
  local last = call('XREVRANGE', KEYS[index], '+', '-', 'COUNT', 1)[1]
  -- A wall clock that steps back must not put a point before one that a reader has seen.
  local at = math.max(wall_us, last and tonumber(string.match(last[1], '^%d+')) or 0)
  call('XADD', KEYS[index], whole(at) .. '-' .. whole(stamp()), 'v', ARGV[index + 1])
end
for index = 2, #KEYS do
  call('XTRIM', KEYS[index], 'MINID', '~', whole(math.max(0, wall_us - tonumber(ARGV[2]))))
end
keep_stamp()
return 1
