-- ARGV: clock, then value, ttl ('' for ever) and condition each: '' none, 'absent', or the version. Returns
-- {done, version or ''} each.
local answers = {}
check(TEXT)
for index = 2, #KEYS do
  local key, at = KEYS[index], 3 * index - 4
  local value, ttl, condition = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local present = version_of(key)
  if (condition == 'absent' and present) or (condition ~= '' and condition ~= 'absent' and condition ~= present)
  then
    answers[#answers + 1] = { 0, present or '' }
  else
    local version = whole(stamp())
    set(key, version .. ':' .. whole(end_of(ttl)) .. ':' .. value, ttl)
    answers[#answers + 1] = { 1, version }
  end
end
keep_stamp()
return answers
