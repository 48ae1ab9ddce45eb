-- Grants a ticket or says why not, all at one instant: session, roster, holder, time, stock.
-- KEYS: session, details, enrolled, holders, grants, issued
-- ARGV: student, keyed hash of the idempotency key (hex), ticket to grant
-- Returns {1, ticket, number, 1 if its row is committed, 1 if this repeats an earlier grant}
--      or {0, problem code}.
local student, idempotency, ticket = ARGV[1], ARGV[2], ARGV[3]

if redis.call('GET', KEYS[1]) ~= student then
  return {0, 'unauthenticated'}
end
if redis.call('SISMEMBER', KEYS[3], student) == 0 then
  return {0, 'not_enrolled'}
end

local held = redis.call('HGET', KEYS[4], student)
if held then
  local holder = cjson.decode(held)
  if holder.idempotency ~= idempotency then
    return {0, 'already_holds_ticket'}
  end
  local issued = redis.call('SISMEMBER', KEYS[6], holder.ticket)
  return {1, holder.ticket, holder.number, issued, 1}
end

local details = redis.call('HMGET', KEYS[2], 'tickets', 'granted', 'opens_at_ns')
if not details[1] then
  return {0, 'event_unknown'}
end

-- Lua numbers are doubles: nanoseconds since 1970 do not fit, microseconds do. A T-0 between two
-- microseconds counts from the later one.
local now = redis.call('TIME')
local now_us = tonumber(now[1]) * 1000000 + tonumber(now[2])
local opens_us = tonumber(string.sub(details[3], 1, -4)) or 0
if string.sub(details[3], -3) ~= '000' then
  opens_us = opens_us + 1
end
if now_us < opens_us then
  return {0, 'too_early'}
end

if tonumber(details[2]) >= tonumber(details[1]) then
  return {0, 'sold_out'}
end

local number = redis.call('HINCRBY', KEYS[2], 'granted', 1)
local granted_ns = now[1] .. string.format('%06d', tonumber(now[2])) .. '000'
redis.call('HSET', KEYS[4], student,
  '{"ticket":"' .. ticket .. '","number":' .. number .. ',"granted_ns":' .. granted_ns ..
  ',"idempotency":"' .. idempotency .. '"}')
redis.call('XADD', KEYS[5], '*', 'ticket', ticket, 'student', student, 'number', number,
  'granted_ns', granted_ns, 'idempotency', idempotency)
return {1, ticket, number, 0, 0}
