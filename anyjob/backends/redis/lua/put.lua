-- Storing jobs, in two steps: first what is to be stored, which only reads, then the writing.
--
-- A run is jobs of one kind: queue number, priority, due ('' now, '+' microseconds from now, '@'
-- microseconds since the epoch), whether they have unique keys, number of the settlement that they belong
-- to (0: none), how many; then each: id, body and, with unique keys, the key and its ttl in milliseconds
-- (0: none).

local function due_of(text)
  local number = tonumber(string.sub(text, 2)) or 0
  if text == '' or number == 0 then return wall end
  if string.sub(text, 1, 1) == '+' then return after_us(wall_us, number) end
  return number <= wall_us and wall or after_us(0, number)
end

-- The runs that begin at ARGV[at], and one receipt a job: 1 stored, 0 known, else the holder's id.
-- Those whose settlement is not `ours` are left out.
local function plan(at, runs, ours)
  local lots, receipts, taken, keys = {}, {}, {}, {}
  for _ = 1, runs do
    local k = (tonumber(ARGV[at]) - 1) * NK
    local priority, due, keyed = ARGV[at + 1], due_of(ARGV[at + 2]), ARGV[at + 3] == '1'
    local parent, count, width = tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5]), keyed and 4 or 2
    local ids = {}
    for index = 1, count do ids[index] = ARGV[at + 6 + (index - 1) * width] end
    if parent == 0 or ours[parent] then
      local there, ended = call('HMGET', KEYS[k + JOBS], unpack(ids)), recall(k, ids)
      local lot = { k = k, priority = priority, due = due, ids = {}, values = {}, keys = {} }
      -- Keys of another type are met before anything is written.
      call('LLEN', KEYS[k + NK - priority])
      call('ZCARD', KEYS[k + SCHED])
      call('ZCARD', KEYS[k + WAKE])
      if keyed then call('HLEN', KEYS[k + HOLDS]) end
      for index, id in ipairs(ids) do
        local arg, name, receipt = at + 6 + (index - 1) * width, k .. id, 1
        if there[index] or ended[index] or taken[name] then
          receipt = 0
        elseif keyed then
          local key = k .. ARGV[arg + 2]
          receipt = keys[key] or holder_of(k, ARGV[arg + 2]) or 1
          if receipt == 1 then
            keys[key] = id
            lot.keys[#lot.keys + 1] = { ARGV[arg + 2], ARGV[arg + 3], id }
          end
        end
        if receipt == 1 then
          taken[name] = true
          lot.ids[#lot.ids + 1] = id
          lot.values[#lot.values + 1] = id
          lot.values[#lot.values + 1] = value_of(priority, due, ARGV[arg + 1])
        end
        receipts[#receipts + 1] = receipt
      end
      lots[#lots + 1] = lot
    end
    at = at + 6 + count * width
  end
  return lots, receipts
end

local function store(lots)
  for _, lot in ipairs(lots) do
    local k = lot.k
    if #lot.ids > 0 then
      if lot.due > wall then
        local first, members = first_score(KEYS[k + SCHED]), {}
        -- Who waits for the next due time has to look again.
        if not first or lot.due < first then arm(k) end
        for _, id in ipairs(lot.ids) do
          members[#members + 1] = within(lot.due)
          members[#members + 1] = lot.priority .. ':' .. id
        end
        many('ZADD', KEYS[k + SCHED], members)
      else
        arm(k)
        many('RPUSH', KEYS[k + NK - lot.priority], lot.ids)
      end
      many('HSET', KEYS[k + JOBS], lot.values)
      for _, each in ipairs(lot.keys) do take_key(k, each[1], each[2], each[3]) end
    end
  end
end
