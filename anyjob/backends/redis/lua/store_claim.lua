-- ARGV: clock, then owner and ttl each. Returns {granted, owner, fence, ms left} each.
local answers = {}
check(TEXT)
for index = 2, #KEYS do
  local key, owner, ttl = KEYS[index], ARGV[2 * index - 2], ARGV[2 * index - 1]
  local fence, ends, holder = string.match(call('GET', key) or '', '^(%d+):(%d+):(.*)$')
  if fence and not is_live(ends) then fence = nil end
  if fence and holder ~= owner then
    answers[#answers + 1] = { 0, holder, fence, tonumber(ends) - steady }
  else
    fence = fence or whole(stamp())
    set(key, fence .. ':' .. whole(end_of(ttl)) .. ':' .. owner, ttl)
    answers[#answers + 1] = { 1, owner, fence, tonumber(ttl) }
  end
end
keep_stamp()
return answers
