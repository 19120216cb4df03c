-- Puts queues into the list of all. KEYS: the list. ARGV: their names.
return redis.call('SADD', KEYS[1], unpack(ARGV))
