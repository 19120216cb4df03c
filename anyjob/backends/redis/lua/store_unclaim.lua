-- ARGV: clock, then the fence each. Returns 1 or 0 each.
local answers = {}
check(TEXT)
for index = 2, #KEYS do
  local ours = version_of(KEYS[index]) == ARGV[index]
  if ours then call('UNLINK', KEYS[index]) end
  answers[#answers + 1] = ours and 1 or 0
end
return answers
