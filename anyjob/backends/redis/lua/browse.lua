-- ARGV: clock, window, state (ready, scheduled or dead), cursor, how many. Returns {next cursor or '', rows}.
-- A cursor names the last entry that was seen: of a list by a number that it keeps while others come and go, of
-- a sorted set by score and member.
if not is_all_up(0) then return 'again' end
local state, cursor, limit = ARGV[3], ARGV[4], tonumber(ARGV[5])
local ids, following = {}, ''

local function lists()
  local from, seen = string.match(cursor, '^(%d):(-?%d+)$')
  for priority = tonumber(from or 9), 0, -1 do
    local key, head = KEYS[NK - priority], tonumber(call('HGET', KEYS[FLAGS], 'h' .. priority) or 0)
    local at = seen and math.max(0, tonumber(seen) + 1 - head) or 0
    local spent = at > 0 and call('LRANGE', key, 0, at - 1) or {}
    seen = nil
    while true do
      local entries = call('LRANGE', key, at, at + limit - 1)
      if #entries == 0 then break end
      -- A tomb is spent by the first entry of its id.
      local all = {}
      for _, id in ipairs(spent) do all[#all + 1] = id end
      for _, id in ipairs(entries) do all[#all + 1] = id end
      local ghosts = ghosts_among(0, priority, all, false)
      for index, id in ipairs(entries) do
        if #ids == limit then return end
        if not ghosts[#spent + index] then
          ids[#ids + 1] = id
          following = priority .. ':' .. whole(head + at + index - 1)
        end
      end
      spent = all
      at = at + #entries
    end
  end
  following = ''
end

local function sorted(key)
  local score, last = string.match(cursor, '^([^:]+):(.*)$')
  local at = 0
  if score then
    at = call('ZCOUNT', key, '-inf', '(' .. score)
    while true do
      local next_one = call('ZRANGE', key, at, at, 'WITHSCORES')
      if not next_one[1] or tonumber(next_one[2]) ~= tonumber(score) or next_one[1] > last then break end
      at = at + 1
    end
  end
  local found = call('ZRANGE', key, at, at + limit, 'WITHSCORES')
  for index = 1, math.min(#found, 2 * limit), 2 do
    ids[#ids + 1] = state == 'scheduled' and string.sub(found[index], 3) or found[index]
  end
  if #found > 2 * limit then following = found[2 * limit] .. ':' .. found[2 * limit - 1] end
end

if state == 'ready' then lists() else sorted(KEYS[state == 'dead' and DEAD or SCHED]) end
return { following, rows(0, ids) }
