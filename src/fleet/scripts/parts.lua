-- Parts of panes; none for those that are gone.
-- KEYS: for each part its pane. ARGV: for each part its name.
local parts = {}
for at, pane in ipairs(KEYS) do
  parts[at] = redis.call('HGET', pane, ARGV[at])
end
return parts
