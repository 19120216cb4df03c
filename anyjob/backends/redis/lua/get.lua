-- ARGV: clock, window, ids. Returns the rows of show.lua.
if not is_all_up(0) then return 'again' end
local ids = {}
for index = 3, #ARGV do ids[#ids + 1] = ARGV[index] end
return rows(0, ids)
