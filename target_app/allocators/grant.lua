-- Grants a ticket or says why not, all at one instant: session, roster, holder, time, stock.
-- KEYS: session, details, enrolled, holders, grants, issued
-- ARGV: student, keyed hash of the idempotency key (hex), ticket to grant,
--       1 to enter the grant into the stream, how many to take from the stock,
--       1 not to look at the time, 1 not to look at the roster, 1 to grant nothing new
-- Returns {1, ticket, number, 1 if its row is committed, 1 if this repeats an earlier grant,
--          time of the grant in ns, epoch of the event}, {0, problem code}, or {2} for what would
--          have been granted.
local student, idempotency, ticket = ARGV[1], ARGV[2], ARGV[3]

local details = redis.call('HMGET', KEYS[2], 'tickets', 'granted', 'opens_at_ns', 'epoch')
if not (details[1] and details[2] and details[3]) then
  return {0, 'event_unknown'}
end
if redis.call('GET', KEYS[1]) ~= student then
  return {0, 'unauthenticated'}
end
if ARGV[7] ~= '1' and redis.call('SISMEMBER', KEYS[3], student) == 0 then
  return {0, 'not_enrolled'}
end

local held = redis.call('HGET', KEYS[4], student)
if held then
  local holder = cjson.decode(held)
  if holder.idempotency ~= idempotency then
    return {0, 'already_holds_ticket'}
  end
  local issued = redis.call('SISMEMBER', KEYS[6], holder.ticket)
  -- Not from cjson: nanoseconds since 1970 do not fit into its doubles.
  local granted_ns = string.match(held, '"granted_ns":(%d+)')
  return {1, holder.ticket, holder.number, issued, 1, granted_ns, details[4] or '0'}
end

-- Lua numbers are doubles: nanoseconds since 1970 do not fit, microseconds do. A T-0 between two
-- microseconds counts from the later one.
local now = redis.call('TIME')
local now_us = tonumber(now[1]) * 1000000 + tonumber(now[2])
local opens_us = tonumber(string.sub(details[3], 1, -4)) or 0
if string.sub(details[3], -3) ~= '000' then
  opens_us = opens_us + 1
end
if now_us < opens_us and ARGV[6] ~= '1' then
  return {0, 'too_early'}
end

local left = tonumber(details[1]) - tonumber(details[2])
if left <= 0 then
  return {0, 'sold_out'}
end

if ARGV[8] == '1' then
  return {2}
end
local number = redis.call('HINCRBY', KEYS[2], 'granted', math.min(left, tonumber(ARGV[5])))
local granted_ns = now[1] .. string.format('%06d', tonumber(now[2])) .. '000'
redis.call('HSET', KEYS[4], student,
  '{"ticket":"' .. ticket .. '","number":' .. number .. ',"granted_ns":' .. granted_ns ..
  ',"idempotency":"' .. idempotency .. '"}')
if ARGV[4] == '1' then
  redis.call('XADD', KEYS[5], '*', 'ticket', ticket, 'student', student, 'number', number,
    'granted_ns', granted_ns, 'idempotency', idempotency)
end
return {1, ticket, number, 0, 0, granted_ns, details[4] or '0'}
