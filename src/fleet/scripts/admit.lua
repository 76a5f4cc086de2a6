-- Says which series may be published in an hour, and counts them as published.
--
-- The hour is one hash, so that no part of it can be evicted alone: '=' and a series for each that was published, '#'
-- the number of them, '@' and a name for the number of those that are not reserved, '~' and the run of an instance for
-- the number of those that it knows of. It knows of more than that where Redis has lost some.
--
-- KEYS: the hour; a hash of 'since' when nothing was lost, the 'hour' that was last published in, and the 'server'.
-- ARGV: the most series in the hour, the most of a name that are not reserved, who asks, how many it knows to be published,
-- milliseconds before anything new is admitted, milliseconds to live for both keys, the number of candidates, the
-- candidates after '+' (reserved) or '-', all that is reserved.
local hour, seen = KEYS[1], KEYS[2]
local limit, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local who, known_there = '~' .. ARGV[3], tonumber(ARGV[4])
local last = 8 + tonumber(ARGV[8])
local published = tonumber(redis.call('HGET', hour, '#') or '0')

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local info = redis.pcall('INFO', 'server')
local server = type(info) == 'string' and string.match(info, 'run_id:(%x+)') or ''
local known = redis.call('HMGET', seen, 'since', 'hour', 'server')
-- The hour may be lost and nothing else, or in an older state, where another server has taken over or this one was
-- started again. All instances have time then to tell what they have published.
local is_short = tonumber(redis.call('HGET', hour, who) or '0') < known_there
local is_lost = is_short or published == 0 and known[2] == hour or known[3] and known[3] ~= server
local since = not is_lost and tonumber(known[1]) or now
redis.call('HSET', seen, 'since', string.format('%.0f', since), 'hour', published > 0 and hour or '', 'server', server)
redis.call('PEXPIRE', seen, ARGV[7])
-- The caller tells what it knows, and asks again.
if is_short then
  return {-1}
end
local is_settled = now - since >= tonumber(ARGV[5])

-- What is reserved and was not published yet keeps its place.
local missing = 0
for at = last + 1, #ARGV do
  missing = missing + 1 - redis.call('HEXISTS', hour, '=' .. ARGV[at])
end

local admitted = {published}
for at = 9, last do
  local is_reserved = string.sub(ARGV[at], 1, 1) == '+'
  local series = string.sub(ARGV[at], 2)
  local fits = redis.call('HEXISTS', hour, '=' .. series) == 1
  if not fits then
    local name = '@' .. string.match(series, '^[^|]*')
    fits = published < limit
    if fits and not is_reserved then
      local named = tonumber(redis.call('HGET', hour, name) or '0')
      fits = is_settled and published + missing < limit and named < most
    end
    if fits then
      published = published + 1
      redis.call('HSET', hour, '=' .. series, '', '#', published)
      if is_reserved then
        missing = math.max(missing - 1, 0)
      else
        redis.call('HINCRBY', hour, name, 1)
      end
    end
  end
  admitted[#admitted + 1] = fits and 1 or 0
  known_there = known_there + (fits and 1 or 0)
end
if published > 0 then
  redis.call('HSET', seen, 'hour', hour)
  redis.call('HSET', hour, who, known_there)
end
redis.call('PEXPIRE', hour, ARGV[6])
return admitted
