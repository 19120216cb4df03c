-- Leases jobs of one queue or several.
-- ARGV: clock, window, credit, lease in milliseconds, token, whose turn it is (0 for the first queue), then a
-- queue each: most jobs, weight, deficit, account and start of the low end.
-- Returns {now, end of the leases, ms to the next change (0: more at once, -1: none known), whose turn, and a
-- queue each: {deficit, account, start, ids, values, metas}}.
local credit, lease, token = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local turn, count = tonumber(ARGV[6]), #KEYS / NK
local LOW_SHARE = 16

local queues, wait = {}, math.huge
for number = 0, count - 1 do
  local k, a = number * NK, 7 + number * 5
  local queue = {
    k = k, most = tonumber(ARGV[a]), weight = tonumber(ARGV[a + 1]), deficit = tonumber(ARGV[a + 2]),
    account = tonumber(ARGV[a + 3]), start = tonumber(ARGV[a + 4]),
    levels = {}, several = false, ready = 0, left = 0, part = 0,
  }
  if call('HEXISTS', KEYS[k + FLAGS], 'paused') == 0 then
    local more, due, lapse = bring_up(k, math.max(200, credit))
    local next_change = more and 0 or until_next(due, lapse)
    if next_change >= 0 then wait = math.min(wait, next_change) end
    local filled = 0
    for priority = 0, 9 do
      local length = call('LLEN', KEYS[k + NK - priority])
      queue.levels[priority] = length
      queue.ready = queue.ready + length
      if length > 0 then filled = filled + 1 end
    end
    if filled > 0 then
      -- Met before anything is taken, of this queue and the others.
      for _, key in ipairs({ JOBS, META, OWN, TOMB }) do call('HLEN', KEYS[k + key]) end
      call('ZCARD', KEYS[k + WAKE])
    end
    queue.several = filled > 1
    queue.left = math.min(queue.most, queue.ready)
  end
  queues[number] = queue
end

-- Deficit round robin, as `Ring` in anyjob/backends/shares.py does it.
local function allot()
  local left, active = 0, 0
  for number = 0, count - 1 do
    left = left + queues[number].left
    if queues[number].left > 0 then active = active + queues[number].weight end
  end
  local open = math.min(credit, left)
  if count == 1 then
    queues[0].part = open
    return
  end
  local quantum = math.max(1, floor(open / math.max(1, active)))
  while open > 0 do
    local queue = queues[turn]
    local full = queue.weight * quantum
    local deficit = math.min(queue.deficit == 0 and full or queue.deficit, full)
    local part = math.min(deficit, queue.left, open)
    queue.part = queue.part + part
    queue.left = queue.left - part
    open = open - part
    queue.deficit = queue.left > 0 and deficit - part or 0
    if queue.deficit == 0 then turn = (turn + 1) % count end
  end
end

-- The entries to take, by priority.
local function pick(queue)
  local k, levels, cut, picked, need = queue.k, queue.levels, {}, {}, queue.part
  local function look(priority, most)
    local from = cut[priority] or 0
    local found = math.min(most, levels[priority] - from)
    if found <= 0 then return 0 end
    cut[priority] = from + found
    return found
  end
  queue.account = queue.account + queue.part
  local low = floor(queue.account / LOW_SHARE)
  queue.account = queue.account % LOW_SHARE
  for _ = 1, low do
    for priority = queue.start, queue.several and 9 or -1 do
      if look(priority, 1) == 1 then
        need = need - 1
        break
      end
    end
    queue.start = (queue.start + 1) % 10
  end
  for priority = 9, 0, -1 do
    if need <= 0 then break end
    need = need - look(priority, need)
  end
  for priority, number in pairs(cut) do
    picked[priority] = call('LRANGE', KEYS[k + NK - priority], 0, number - 1)
  end
  return picked
end

-- As text: turning a number into one costs the server as much as the command itself.
local until_text = whole(within(steady + lease))

-- Leases of `part` entries those that are jobs; the ids, values and metas go into `found`.
local function take_once(queue, found)
  local k, picked, popped = queue.k, pick(queue), 0
  local ids, values, taken, owns, ends = found[1], found[2], {}, {}, {}
  local first = #ids + 1
  for priority = 9, 0, -1 do
    local entries = picked[priority]
    if entries then
      popped = popped + #entries
      local mine = priority .. ':' .. token
      local ghosts = ghosts_among(k, priority, entries, true)
      local bodies, owned = read_many('HMGET', KEYS[k + JOBS], entries), read_many('HMGET', KEYS[k + OWN], entries)
      for index = 1, #entries do
        local id, body = entries[index], bodies[index]
        -- What a crash of something else left in a list makes no job, and no second lease of one.
        if body and not owned[index] and not ghosts[index] and not taken[id] then
          local at = #ids + 1
          taken[id] = true
          ids[at], values[at] = id, body
          owns[#owns + 1], ends[#ends + 1] = id, until_text
          owns[#owns + 1], ends[#ends + 1] = mine, id
        end
      end
    end
  end
  if #owns > 0 then
    if call('EXISTS', KEYS[k + META]) == 1 then
      for index = first, #ids, LOT do
        local last = math.min(index + LOT - 1, #ids)
        for _, meta in ipairs(call('HMGET', KEYS[k + META], unpack(ids, index, last))) do
          found[3][#found[3] + 1] = meta or ''
        end
      end
    else
      for index = #found[3] + 1, #ids do found[3][index] = '' end
    end
    many('HSET', KEYS[k + OWN], owns)
    many('ZADD', KEYS[k + LEASE], ends)
  end
  for priority, entries in pairs(picked) do
    pop(k, priority, #entries)
    queue.levels[priority] = queue.levels[priority] - #entries
  end
  queue.ready = queue.ready - popped
  return popped
end

local function take(queue)
  local found, wanted = { {}, {}, {} }, queue.part
  for _ = 1, LOT do
    if take_once(queue, found) == 0 or #found[1] >= wanted then break end
    -- Some of them were no jobs.
    queue.part = wanted - #found[1]
  end
  if queue.ready > 0 then
    arm(queue.k)
    if #found[1] < wanted then wait = 0 end
  end
  return found
end

allot()
local reply = { wall, wall + lease, 0, turn }
for number = 0, count - 1 do
  local queue, found = queues[number], { {}, {}, {} }
  if queue.part > 0 then
    found = take(queue)
  elseif queue.ready > 0 then
    -- The marker may have been this one's, and others are to hear of what is left.
    arm(queue.k)
  end
  reply[#reply + 1] = { queue.deficit, queue.account, queue.start, found[1], found[2], found[3] }
end
reply[3] = wait == math.huge and -1 or ceil(wait)
return reply
