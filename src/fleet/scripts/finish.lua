-- Notes that a pane was published, and what was announced with it.
-- KEYS: the pane's claim, the rule's state. ARGV: the pane's end, the state's text, and milliseconds to live for the
-- claim and the state.
redis.call('SET', KEYS[1], 'done', 'PX', ARGV[3])
local last = tonumber(redis.call('HGET', KEYS[2], 'end') or '0')
if tonumber(ARGV[1]) >= last then
  redis.call('HSET', KEYS[2], 'end', ARGV[1], 'text', ARGV[2])
end
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return 1
