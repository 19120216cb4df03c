-- Leaves a mark where there is none. KEYS: the mark. ARGV: a new one. Returns the old one.
return redis.call('SET', KEYS[1], ARGV[1], 'NX', 'GET')
