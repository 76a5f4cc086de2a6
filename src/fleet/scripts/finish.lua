-- Notes that a pane was published, and what was announced with it.
-- KEYS: the pane's claim, the rule's state. ARGV: the pane's end, the state's text, milliseconds to live for the state, who
-- has published, and milliseconds to live for the claim: none lets others publish the pane again.
if ARGV[5] then
  redis.call('SET', KEYS[1], 'done', 'PX', ARGV[5])
elseif redis.call('GET', KEYS[1]) == ARGV[4] then
  redis.call('DEL', KEYS[1])
end
local last = tonumber(redis.call('HGET', KEYS[2], 'end') or '0')
if tonumber(ARGV[1]) >= last then
  redis.call('HSET', KEYS[2], 'end', ARGV[1], 'text', ARGV[2])
end
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 1
