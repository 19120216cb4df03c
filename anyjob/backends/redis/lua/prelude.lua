-- What every script of the queues begins with, behind clock.lua. Times are whole milliseconds. ARGV[2] is the
-- window of the resend.
--
-- One queue is NK keys, in the order of anyjob/backends/redis/keys.py; `k` is how many keys stand before
-- them. Of a job that exists, `jobs` has a value: its priority as a digit, since when it is ready or due
-- (six bytes), its body. `own` makes it leased, `dead` dead, `sched` scheduled; else its id is in the
-- list of its priority. A job that is cancelled stays in that list, counted in `tomb`, until it comes up.
local JOBS, META, OWN, LEASE, SCHED, DEAD, WHY, WAKE, FLAGS = 1, 2, 3, 4, 5, 6, 7, 8, 9
local UNIQ, HOLDS, ENDED, FORGET, SEEN, TOMB, NK = 10, 11, 12, 13, 14, 16, 26
local LOT = 1000 -- `unpack` fails near 8000

local window = tonumber(ARGV[2])

local function after_us(base, delay)
  return ceil((base + tonumber(delay)) / 1000)
end

local function many(command, key, items)
  for first = 1, #items, LOT do
    call(command, key, unpack(items, first, math.min(first + LOT - 1, #items)))
  end
end

local function read_many(command, key, items)
  if #items <= LOT then return call(command, key, unpack(items)) end
  local found = {}
  for first = 1, #items, LOT do
    for _, value in ipairs(call(command, key, unpack(items, first, math.min(first + LOT - 1, #items)))) do
      found[#found + 1] = value
    end
  end
  return found
end

local function add(map, name, value)
  local list = map[name]
  if list then list[#list + 1] = value else map[name] = { value } end
end

local function first_score(key)
  return tonumber(call('ZRANGE', key, 0, 0, 'WITHSCORES')[2])
end

local function arm(k)
  call('ZADD', KEYS[k + WAKE], 0, '0')
end

-- Meets somebody else's key of another type before anything is written, since nothing that was written is
-- taken back. What runs for every job asks for what it is about to write alone.
local function check(k)
  for _, key in ipairs({ JOBS, META, OWN, WHY, FLAGS, UNIQ, HOLDS, ENDED, SEEN, SEEN + 1, TOMB }) do
    call('HLEN', KEYS[k + key])
  end
  for _, key in ipairs({ LEASE, SCHED, DEAD, WAKE, FORGET }) do call('ZCARD', KEYS[k + key]) end
  for priority = 0, 9 do call('LLEN', KEYS[k + NK - priority]) end
end

-- Values

local function value_of(priority, since, body)
  return priority .. struct.pack('>I6', math.min(since, 2 ^ 48 - 1)) .. body
end

local function priority_of(value)
  return tonumber(string.sub(value, 1, 1))
end

local function since_of(value)
  return (struct.unpack('>I6', value, 2))
end

local function meta_of(attempts, redeliveries, since, note)
  return attempts .. ':' .. redeliveries .. ':' .. whole(since) .. ':' .. note
end

-- attempts, redeliveries, since when it is ready (nil: as its value says), note
local function read_meta(meta)
  if not meta then return 0, 0, nil, '' end
  local attempts, redeliveries, since, note = string.match(meta, '^(%d+):(%d+):(%d+):(.*)$')
  return tonumber(attempts), tonumber(redeliveries), tonumber(since), note
end

-- Lists

local function push(k, command, by_priority)
  for priority, ids in pairs(by_priority) do
    many(command, KEYS[k + NK - priority], ids)
    if command == 'LPUSH' then call('HINCRBY', KEYS[k + FLAGS], 'h' .. priority, -#ids) end
  end
end

-- Takes `count` entries off the front; `flags` knows how many ever left, which numbers them for good.
local function pop(k, priority, count)
  call('LPOP', KEYS[k + NK - priority], count)
  call('HINCRBY', KEYS[k + FLAGS], 'h' .. priority, count)
end

local function bury_entry(k, priority, id)
  call('HINCRBY', KEYS[k + TOMB], priority .. ':' .. id, 1)
  call('HINCRBY', KEYS[k + FLAGS], 'ghosts', 1)
end

-- Which of these entries of a list are of cancelled jobs; spends their tombs if told to.
local NO_GHOSTS = {}
local function ghosts_among(k, priority, ids, spend)
  if call('EXISTS', KEYS[k + TOMB]) == 0 then return NO_GHOSTS end
  local ghosts = {}
  local left = {}
  for index, id in ipairs(ids) do
    local name = priority .. ':' .. id
    left[name] = left[name] or tonumber(call('HGET', KEYS[k + TOMB], name) or 0)
    if left[name] > 0 then
      left[name] = left[name] - 1
      ghosts[index] = true
      if spend then
        if call('HINCRBY', KEYS[k + TOMB], name, -1) <= 0 then call('HDEL', KEYS[k + TOMB], name) end
        call('HINCRBY', KEYS[k + FLAGS], 'ghosts', -1)
      end
    end
  end
  return ghosts
end

-- Unique keys

-- Frees the keys of these jobs; those that are `gone` need none again.
local function free(k, ids, gone)
  if #ids == 0 or call('EXISTS', KEYS[k + HOLDS]) == 0 then return end
  for index, hold in ipairs(read_many('HMGET', KEYS[k + HOLDS], ids)) do
    if hold then
      local key = string.match(hold, '^%d+:(.*)$')
      local holder = call('HGET', KEYS[k + UNIQ], key)
      if holder and string.match(holder, '^%d+:(.*)$') == ids[index] then
        call('HDEL', KEYS[k + UNIQ], key)
      end
      if gone then call('HDEL', KEYS[k + HOLDS], ids[index]) end
    end
  end
end

local function holder_of(k, key)
  local held_until, id = string.match(call('HGET', KEYS[k + UNIQ], key) or '', '^(%d+):(.*)$')
  if not id or (held_until ~= '0' and tonumber(held_until) <= steady) then return nil end
  if call('HEXISTS', KEYS[k + JOBS], id) == 0 or call('ZSCORE', KEYS[k + DEAD], id) then return nil end
  return id
end

local function take_key(k, key, ttl, id)
  local held_until = ttl == '0' and '0' or whole(within(steady + tonumber(ttl)))
  call('HSET', KEYS[k + UNIQ], key, held_until .. ':' .. id)
  call('HSET', KEYS[k + HOLDS], id, ttl .. ':' .. key)
end

-- Ends, which are remembered for the window: in two hashes that take turns, so that forgetting is one
-- command; what has more to say or is kept for longer in a hash of its own, with the time to forget it.

local function ended_text(state, priority, attempts, redeliveries, forget_at)
  return state .. priority .. ':' .. attempts .. ':' .. redeliveries .. ':' .. whole(wall) .. ':'
    .. whole(forget_at)
end

local function turn_seen(k)
  local turn = floor(steady / window)
  local last = tonumber(call('HGET', KEYS[k + FLAGS], 'turn') or 0)
  if last ~= turn then
    call('HSET', KEYS[k + FLAGS], 'turn', whole(turn))
    call('UNLINK', KEYS[k + SEEN + turn % 2])
    if last < turn - 1 then call('UNLINK', KEYS[k + SEEN + 1 - turn % 2]) end
  end
  return KEYS[k + SEEN + turn % 2]
end

-- Ids and texts in turn, of ends that are kept for the window.
local function remember_plain(k, ends)
  if window > 0 and #ends > 0 then many('HSET', turn_seen(k), ends) end
end

-- `ends`: {id, state, priority, attempts, redeliveries, note, outcome or nil, ms to keep it}
local function remember(k, ends)
  local plain = {}
  for _, each in ipairs(ends) do
    local id, note, outcome = each[1], each[6], each[7]
    local keep = math.max(each[8], window)
    local text = ended_text(each[2], each[3], each[4], each[5], within(steady + keep))
    if note == '' and not outcome and keep == window then
      plain[#plain + 1] = id
      plain[#plain + 1] = text
    else
      local kind = outcome and 'o' or 'n'
      call('HSET', KEYS[k + ENDED], id, text .. ':' .. kind .. #note .. ':' .. note .. (outcome or ''))
      call('ZADD', KEYS[k + FORGET], within(steady + keep), id)
    end
  end
  remember_plain(k, plain)
end

-- What is remembered of each id: state and priority, attempts, redeliveries, when it ended, until when
-- it is kept, what follows; false for nothing.
local function recall(k, ids)
  local found = {}
  for index = 1, #ids do found[index] = false end
  for offset = 0, 2 do
    local key = KEYS[k + (offset == 2 and ENDED or SEEN + offset)]
    if call('EXISTS', key) == 1 then
      for index, text in ipairs(read_many('HMGET', key, ids)) do
        if text then
          local head, attempts, redeliveries, ended, kept, rest =
            string.match(text, '^(%a%d):(%d+):(%d+):(%d+):(%d+):?(.*)$')
          if tonumber(kept) > steady then
            found[index] = { head, attempts, redeliveries, ended, kept, rest }
          end
        end
      end
    end
  end
  return found
end

-- Tells which jobs ended, if somebody has said of late that they listen.
local function tell_ended(ids)
  local heard = #ids > 0 and call('HGET', KEYS[FLAGS], 'heard')
  if heard and tonumber(heard) > steady then
    -- Without the right to the channel, whoever waits looks by themselves.
    redis.pcall('SPUBLISH', string.sub(KEYS[JOBS], 1, -5) .. 'over', table.concat(ids, '\n'))
  end
end

-- Time

-- Makes what is due ready, last of its priority; how many.
local function promote(k, most)
  local due = call('ZRANGEBYSCORE', KEYS[k + SCHED], '-inf', wall, 'LIMIT', 0, most)
  local ready = {}
  for _, member in ipairs(due) do add(ready, string.sub(member, 1, 1), string.sub(member, 3)) end
  push(k, 'RPUSH', ready)
  many('ZREM', KEYS[k + SCHED], due)
  return #due
end

-- Takes lapsed leases back, first of their priority, one redelivery more; how many.
local function reap(k, most)
  local lapsed = call('ZRANGEBYSCORE', KEYS[k + LEASE], '-inf', steady, 'LIMIT', 0, most, 'WITHSCORES')
  local ids, ready, metas = {}, {}, {}
  for index = 1, #lapsed, 2 do ids[#ids + 1] = lapsed[index] end
  if #ids == 0 then return 0 end
  local values, known = read_many('HMGET', KEYS[k + JOBS], ids), read_many('HMGET', KEYS[k + META], ids)
  for index = #ids, 1, -1 do
    if values[index] then
      local attempts, redeliveries, _, note = read_meta(known[index])
      local since = wall - (steady - tonumber(lapsed[2 * index]))
      metas[#metas + 1] = ids[index]
      metas[#metas + 1] = meta_of(attempts, redeliveries + 1, since, note)
      add(ready, priority_of(values[index]), ids[index])
    end
  end
  many('HSET', KEYS[k + META], metas)
  push(k, 'LPUSH', ready)
  many('HDEL', KEYS[k + OWN], ids)
  many('ZREM', KEYS[k + LEASE], ids)
  return #ids
end

-- Both, where their time has come: whether there may be more of it, the next due time (wall) and the
-- next end of a lease (steady).
local function bring_up(k, most)
  local due, lapse, more, moved = first_score(KEYS[k + SCHED]), first_score(KEYS[k + LEASE]), false, 0
  if (lapse and lapse <= steady) or (due and due <= wall) then check(k) end
  if lapse and lapse <= steady then
    moved = reap(k, most)
    more = moved == most
    lapse = first_score(KEYS[k + LEASE])
  end
  if due and due <= wall then
    local promoted = promote(k, most)
    moved = moved + promoted
    more = more or promoted == most
    due = first_score(KEYS[k + SCHED])
  end
  if moved > 0 then arm(k) end
  return more, due, lapse
end

-- Milliseconds until `due` or `lapse`; -1 without either.
local function until_next(due, lapse)
  local wait = math.min(due and due - wall or math.huge, lapse and lapse - steady or math.huge)
  return wait == math.huge and -1 or math.max(0, wait)
end

-- Before somebody looks: all that has come, a few pages at a time, for others wait meanwhile. False where there is
-- more of it: then the script returns 'again', and is sent again.
local function is_all_up(k)
  for _ = 1, 4 do
    if not bring_up(k, LOT) then return true end
  end
  return false
end
