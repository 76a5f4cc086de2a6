-- Keeps a part of a pane, once.
-- KEYS: the pane, the name of the first part of all, the hour of the pane's end (see admit.lua). ARGV: the part's name,
-- which begins with who merges, the part, milliseconds to live for both, how many series the caller knows to be published
-- in that hour.
local is_new = redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
-- As long as nothing is lost, all find the same name there.
redis.call('SET', KEYS[2], ARGV[1], 'NX')
redis.call('PEXPIRE', KEYS[2], ARGV[3])
local who = '~' .. string.match(ARGV[1], '^[^:]*')
local is_short = tonumber(redis.call('HGET', KEYS[3], who) or '0') < tonumber(ARGV[4])
return {is_new, redis.call('GET', KEYS[2]), is_short and 1 or 0, redis.call('HKEYS', KEYS[1])}
