-- Sets or clears a flag of a queue. ARGV: clock, window, flag, '1' or '0'.
check(0)
if ARGV[4] == '1' then
  call('HSET', KEYS[FLAGS], ARGV[3], '1')
else
  call('HDEL', KEYS[FLAGS], ARGV[3])
  arm(0)
end
return 1
