-- Wakes one consumer that waits, also while the server has no memory left. KEYS: its bell. ARGV: seconds after which
-- the bell goes away by itself.
redis.call('ZADD', KEYS[1], 0, '0')
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1
