-- Notes that a pane was published, and what was announced with it.
-- KEYS: the pane's claim, the rule's leader, the rule's state. ARGV: who has published, the pane's end, the state's
-- text, and milliseconds to live for the claim, the leader and the state.
redis.call('SET', KEYS[1], 'done', 'PX', ARGV[4])
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[5])
local last = tonumber(redis.call('HGET', KEYS[3], 'end') or '0')
if tonumber(ARGV[2]) >= last then
  redis.call('HSET', KEYS[3], 'end', ARGV[2], 'text', ARGV[3])
end
redis.call('PEXPIRE', KEYS[3], ARGV[6])
return 1
