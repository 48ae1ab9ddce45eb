-- Keeps Redis' one thread busy, as a command does that looks at every key.
-- ARGV: seconds
-- From Redis 7 on there is a clock, and TIME may stand still during a script; before, only TIME.
local os = rawget(_G, 'os')
local function clock()
  if os then
    return os.clock()
  end
  local time = redis.call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1000000
end

local till = clock() + tonumber(ARGV[1])
while clock() < till do end
return 1
