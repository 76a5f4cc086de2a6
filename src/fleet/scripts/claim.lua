-- Lets one instance publish a pane.
-- KEYS: the pane's claim, the rule's state. ARGV: who asks, milliseconds of the lease.
local held = redis.call('GET', KEYS[1])
if held == 'done' then
  return {'done', 0, ''}
end
if held and held ~= ARGV[1] then
  return {'held', redis.call('PTTL', KEYS[1]), ''}
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {'yours', 0, redis.call('HGET', KEYS[2], 'text')}
