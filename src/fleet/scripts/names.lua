-- The names of the parts of panes.
-- KEYS: the panes.
local names = {}
for at, pane in ipairs(KEYS) do
  names[at] = redis.call('HKEYS', pane)
end
return names
