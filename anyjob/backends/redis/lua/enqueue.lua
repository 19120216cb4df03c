-- ARGV: clock, window, runs, the runs of put.lua.
local lots, receipts = plan(4, tonumber(ARGV[3]))
store(lots)
return receipts
