-- One row a job: {id, state, priority, attempts, redeliveries, note, value or '', time, reason, outcome}; the time
-- is when it is due, its lease ends or it ended, reason and outcome are '' for none, else '=' and the bytes. False
-- for an unknown id.
local function row(id, state, priority, attempts, redeliveries, note, value, time, reason, outcome)
  return { id, state, priority, attempts, redeliveries, note, value, time, reason, outcome }
end

local function told(text, marked)
  local mark, length, rest = string.match(text, '^(%a)(%d+):(.*)$')
  if not mark then return '', '' end
  length = tonumber(length)
  local head, tail = string.sub(rest, 1, length), string.sub(rest, length + 1)
  return marked and '=' .. head or head, mark == 'o' and '=' .. tail or ''
end

local function rows(k, ids)
  local found = {}
  if #ids == 0 then return found end
  local values, metas = read_many('HMGET', KEYS[k + JOBS], ids), read_many('HMGET', KEYS[k + META], ids)
  local owned, leases = read_many('HMGET', KEYS[k + OWN], ids), read_many('ZMSCORE', KEYS[k + LEASE], ids)
  local dead, ended = read_many('ZMSCORE', KEYS[k + DEAD], ids), recall(k, ids)
  for index, id in ipairs(ids) do
    local value = values[index]
    if value then
      local priority = priority_of(value)
      local attempts, redeliveries, _, note = read_meta(metas[index])
      local state, time, reason, outcome = 'R', '', '', ''
      if owned[index] then
        state, time = 'L', whole(wall + tonumber(leases[index] or steady) - steady)
      elseif dead[index] then
        local why
        state = 'D'
        time, why = string.match(call('HGET', KEYS[k + WHY], id) or '0:', '^(%d+):(.*)$')
        reason, outcome = told(why, true)
      else
        local due = call('ZSCORE', KEYS[k + SCHED], priority .. ':' .. id)
        if due then state, time = 'W', whole(tonumber(due)) end
      end
      found[index] = row(id, state, priority, attempts, redeliveries, note, value, time, reason, outcome)
    elseif ended[index] then
      local end_ = ended[index]
      local note, outcome = told(end_[6], false)
      found[index] = row(id, string.sub(end_[1], 1, 1), string.sub(end_[1], 2), end_[2], end_[3], note, '',
        end_[4], '', outcome)
    else
      found[index] = false
    end
  end
  return found
end
