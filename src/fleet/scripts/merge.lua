-- Keeps a part of a pane, once.
-- KEYS: the pane. ARGV: the part's name, the part, milliseconds to live.
local is_new = redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {is_new, redis.call('HKEYS', KEYS[1])}
