-- Counts series as published that were, whatever the budget says. Says how many of its own the hour knows of who tells.
-- KEYS: the hour, what is seen of all hours (see admit.lua). ARGV: milliseconds to live, who tells, how many it has told
-- before in this order, the next series after '+' (reserved) or '-'; none to ask only.
local hour, seen = KEYS[1], KEYS[2]
local who = '~' .. ARGV[2]
if #ARGV == 3 then
  -- It has connected anew. Where it may not ask which server this is, it may be one that knows less than the last one.
  if type(redis.pcall('INFO', 'server')) ~= 'string' then
    redis.call('HDEL', seen, 'since')
  end
else
  local is_lost = false
  for at = 4, #ARGV do
    local series = string.sub(ARGV[at], 2)
    if redis.call('HSETNX', hour, '=' .. series, '') == 1 then
      is_lost = true
      redis.call('HINCRBY', hour, '#', 1)
      if string.sub(ARGV[at], 1, 1) == '-' then
        redis.call('HINCRBY', hour, '@' .. string.match(series, '^[^|]*'), 1)
      end
    end
  end
  redis.call('HSET', hour, who, ARGV[3] + #ARGV - 3)
  redis.call('PEXPIRE', hour, ARGV[1])
  -- All of it was there before. Others have time now to tell what they have published.
  if is_lost then
    redis.call('HDEL', seen, 'since')
  end
end
return tonumber(redis.call('HGET', hour, who) or '0')
