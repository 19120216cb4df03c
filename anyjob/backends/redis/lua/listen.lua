-- Somebody listens to the ends of this queue's jobs. ARGV: clock, window, for how many ms.
call('HSET', KEYS[FLAGS], 'heard', whole(within(steady + tonumber(ARGV[3]))))
return 1
