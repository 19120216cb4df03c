-- What the scripts of the store begin with, behind clock.lua. KEYS[1] is the newest stamp: versions, fences and
-- tokens are stamps, which only grow, over deletion and expiry too.

-- Meets somebody else's key of another type before anything is written, since nothing that was written is taken
-- back. `reads` are commands that only keys of the right type answer, for the keys behind the stamp by turns.
local function check(reads)
  call('GETRANGE', KEYS[1], 0, 0)
  for index = 2, #KEYS do
    local read = reads[(index - 2) % #reads + 1]
    if read == 'GETRANGE' then call(read, KEYS[index], 0, 0) else call(read, KEYS[index]) end
  end
end

local TEXT, SET, SCHEDULE = { 'GETRANGE' }, { 'HLEN', 'GETRANGE' }, { 'ZCARD', 'HLEN', 'ZCARD', 'HLEN' }
local SERIES = { 'XLEN' }

local newest

local function stamp()
  newest = math.max((newest or tonumber(call('GET', KEYS[1]) or 0)) + 1, wall_us)
  return newest
end

local function keep_stamp()
  if newest then call('SET', KEYS[1], whole(newest)) end
end

-- The version of a value, or owner and fence of a claim, is followed by the time at which it ends: 0 for never.
local function end_of(ttl)
  return ttl == '' and 0 or within(steady + tonumber(ttl))
end

-- The server's own expiry makes room; what is past its end is gone even where that comes later.
local function set(key, text, ttl)
  call('SET', key, text)
  if ttl ~= '' and ARGV[1] == '' then call('PEXPIRE', key, whole(within(tonumber(ttl)))) end
end

local function is_live(ends)
  return ends == '0' or tonumber(ends) > steady
end

local function version_of(key)
  local version, ends = string.match(call('GETRANGE', key, 0, 40), '^(%d+):(%d+):')
  if version and is_live(ends) then return version end
end
