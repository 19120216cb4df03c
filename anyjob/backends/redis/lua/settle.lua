-- Settles leases of the first queue in KEYS; the others are those of the children.
-- ARGV: clock, window, plain completions, other settlements, runs of children; then each plain completion:
-- id, own; each other: kind, id, own, delay in microseconds or reason, ms to keep, note, outcome (both '' for
-- none, else '=' and the bytes); then the runs of put.lua, whose settlements are numbered in this order.
-- `own` is the priority and the token. Kinds: C complete, X expired, D cancelled, R retry, L release, A abandon,
-- B buried after a run, U buried unrun. Returns one digit each: 1 done, 0 the lease was lost.
local plain, others, runs = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local at = 6
local ids, owns = {}, {}
for index = 1, plain do
  ids[index], owns[index] = ARGV[at], ARGV[at + 1]
  at = at + 2
end
local first = at
for index = plain + 1, plain + others do
  ids[index], owns[index] = ARGV[at + 1], ARGV[at + 2]
  at = at + 7
end

if others > 0 then
  check(0)
else
  for _, key in ipairs({ JOBS, FLAGS, UNIQ, HOLDS, SEEN, SEEN + 1 }) do call('HLEN', KEYS[key]) end
  call('ZCARD', KEYS[LEASE])
end
local held = read_many('HMGET', KEYS[OWN], ids)
local ours, answers, mine = {}, {}, {}
for index, id in ipairs(ids) do
  ours[index] = held[index] == owns[index]
  answers[index] = ours[index] and '1' or '0'
  if ours[index] then mine[#mine + 1] = id end
end
local metas = call('HLEN', KEYS[META]) > 0 and read_many('HMGET', KEYS[META], ids) or {}
local lots = plan(at, runs, ours)

local ends, gone, buried, kept = {}, {}, {}, {}
local ready, again, scheduled = {}, {}, {}

-- What is remembered of jobs that nothing is known of is the same for all of a priority.
local plain_ends, texts = {}, {}
for index = 1, plain do
  if ours[index] then
    local id, priority = ids[index], string.sub(owns[index], 1, 1)
    if metas[index] then
      local attempts, redeliveries, _, note = read_meta(metas[index])
      ends[#ends + 1] = { id, 'S', priority, attempts, redeliveries, note, nil, 0 }
    else
      local text = texts[priority]
      if not text then
        text = ended_text('S', priority, 0, 0, within(steady + window))
        texts[priority] = text
      end
      plain_ends[#plain_ends + 1] = id
      plain_ends[#plain_ends + 1] = text
    end
    gone[#gone + 1] = id
  end
end

local ENDS = { C = 'S', X = 'X', D = 'C' }

local function settle(index, a)
  local kind, id, arg, keep = ARGV[a], ids[index], ARGV[a + 3], tonumber(ARGV[a + 4])
  local priority = string.sub(owns[index], 1, 1)
  local attempts, redeliveries, since, note = read_meta(metas[index])
  if ARGV[a + 5] ~= '' then note = string.sub(ARGV[a + 5], 2) end
  local outcome = ARGV[a + 6] ~= '' and string.sub(ARGV[a + 6], 2) or nil
  if ENDS[kind] then
    ends[#ends + 1] = { id, ENDS[kind], priority, attempts, redeliveries, note, outcome, keep }
    gone[#gone + 1] = id
    return
  end
  since = wall
  if kind == 'R' or kind == 'L' then
    since = arg == '0' and wall or after_us(wall_us, arg)
    if kind == 'R' then attempts = attempts + 1 end
    if since > wall then
      scheduled[#scheduled + 1] = within(since)
      scheduled[#scheduled + 1] = priority .. ':' .. id
    else
      since = wall
      -- A job that fails at once would otherwise stand before all others for ever.
      add(kind == 'R' and again or ready, priority, id)
    end
  elseif kind == 'A' then
    redeliveries = redeliveries + 1
    add(ready, priority, id)
  else
    if kind == 'B' then attempts = attempts + 1 end
    local mark = outcome and 'o' or 'n'
    buried[#buried + 1] = id
    buried[#buried + 1] = whole(wall) .. ':' .. mark .. #arg .. ':' .. arg .. (outcome or '')
  end
  kept[#kept + 1] = id
  kept[#kept + 1] = meta_of(attempts, redeliveries, within(since), note)
end

local by_order = {}
for index = plain + 1, plain + others do
  if ours[index] then settle(index, first + (index - plain - 1) * 7) end
end
-- The first of them to the very head.
for priority, list in pairs(ready) do
  by_order[priority] = {}
  for index = #list, 1, -1 do add(by_order, priority, list[index]) end
end

store(lots)
many('HSET', KEYS[META], kept)
remember_plain(0, plain_ends)
remember(0, ends)
for index = 1, #buried, 2 do
  local number = call('HINCRBY', KEYS[FLAGS], 'burials', 1)
  call('ZADD', KEYS[DEAD], number, buried[index])
  call('HSET', KEYS[WHY], buried[index], buried[index + 1])
  free(0, { buried[index] }, false)
end
many('ZADD', KEYS[SCHED], scheduled)
push(0, 'RPUSH', again)
push(0, 'LPUSH', by_order)
free(0, gone, true)
many('HDEL', KEYS[JOBS], gone)
if next(metas) then many('HDEL', KEYS[META], gone) end
many('ZREM', KEYS[LEASE], mine)
many('HDEL', KEYS[OWN], mine)
if #scheduled > 0 or next(by_order) or next(again) then arm(0) end
for index = 1, #buried, 2 do gone[#gone + 1] = buried[index] end
tell_ended(gone)
return table.concat(answers)
