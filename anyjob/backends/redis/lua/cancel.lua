-- ARGV: clock, window, ms to keep, ids. Returns one letter each: C cancelled, R running, E ended, U unknown.
if not is_all_up(0) then return 'again' end
local keep, answers, over = tonumber(ARGV[3]), {}, {}
check(0)
for index = 4, #ARGV do
  local id = ARGV[index]
  local value, answer = call('HGET', KEYS[JOBS], id), 'C'
  if not value then
    answer = recall(0, { id })[1] and 'E' or 'U'
  elseif call('ZSCORE', KEYS[DEAD], id) then
    answer = 'E'
  elseif call('HEXISTS', KEYS[OWN], id) == 1 then
    answer = 'R'
  else
    local priority = priority_of(value)
    local attempts, redeliveries, _, note = read_meta(call('HGET', KEYS[META], id))
    if call('ZREM', KEYS[SCHED], priority .. ':' .. id) == 0 then bury_entry(0, priority, id) end
    remember(0, { { id, 'C', priority, attempts, redeliveries, note, nil, keep } })
    free(0, { id }, true)
    call('HDEL', KEYS[JOBS], id)
    call('HDEL', KEYS[META], id)
    over[#over + 1] = id
  end
  answers[#answers + 1] = answer
end
tell_ended(over)
return table.concat(answers)
