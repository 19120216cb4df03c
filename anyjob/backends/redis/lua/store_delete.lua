-- ARGV: clock, then '' or the version each. Returns {done, version or ''} each.
local answers = {}
check(TEXT)
for index = 2, #KEYS do
  local present, wanted = version_of(KEYS[index]), ARGV[index]
  if wanted == '' or wanted == present then
    call('UNLINK', KEYS[index])
    answers[#answers + 1] = { 1, '' }
  else
    answers[#answers + 1] = { 0, present or '' }
  end
end
return answers
