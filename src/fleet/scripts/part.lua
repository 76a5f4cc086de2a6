-- What each instance may publish alone in an hour: what the first that asks says holds for all.
-- KEYS: the hour's part. ARGV: the part that is wanted, how long it lives in milliseconds.
redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2])
return tonumber(redis.call('GET', KEYS[1]))
