-- Returns {version, value} or false for each key.
local found = {}
for index = 2, #KEYS do
  local version = version_of(KEYS[index])
  found[index - 1] = false
  if version then
    found[index - 1] = { version, string.match(call('GET', KEYS[index]), '^%d+:%d+:(.*)$') }
  end
end
return found
