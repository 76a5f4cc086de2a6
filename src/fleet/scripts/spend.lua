-- Counts series as published that were, whatever the budget says.
-- KEYS: the hour (see admit.lua). ARGV: milliseconds to live, the series after '+' (reserved) or '-'.
local hour = KEYS[1]
for at = 2, #ARGV do
  local series = string.sub(ARGV[at], 2)
  if redis.call('HSETNX', hour, '=' .. series, '') == 1 then
    redis.call('HINCRBY', hour, '#', 1)
    if string.sub(ARGV[at], 1, 1) == '-' then
      redis.call('HINCRBY', hour, '@' .. string.match(series, '^[^|]*'), 1)
    end
  end
end
redis.call('PEXPIRE', hour, ARGV[1])
return 1
