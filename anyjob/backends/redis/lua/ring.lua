-- Wakes one consumer that waits, also while the server has no memory left. KEYS: its bell. ARGV: milliseconds after which
-- the bell goes away by itself.
redis.call('ZADD', KEYS[1], 0, '0')
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
