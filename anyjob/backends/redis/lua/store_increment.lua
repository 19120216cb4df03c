-- ARGV: clock, then the amount each. Returns the new value each as text; or, nothing having been done, the number of
-- the first whose value would not fit.
local values = {}
check(TEXT)
for index = 2, #KEYS do
  local done = redis.pcall('INCRBY', KEYS[index], ARGV[index])
  if type(done) == 'table' then
    for back = 2, index - 1 do call('DECRBY', KEYS[back], ARGV[back]) end
    if string.find(done.err, 'overflow') then return index - 1 end
    return redis.error_reply(done.err)
  end
  values[#values + 1] = call('GET', KEYS[index])
end
return values
