-- Opens a session where the PIN's keyed hash is the one on the roster. Who fails too often for one
-- student from one source waits before the next is looked at, twice as long each time: so guessing
-- is slow, and nobody can keep a student out who logs in from elsewhere.
-- KEYS: roster pins, session, failures of the student from the source (hash: failures, until_ms),
--       failures of the student, failures from the source
-- ARGV: student, keyed hash of the PIN, seconds to live, failures that cost no time, how many while
--       there are more than the next two, failures of a student and from a source, how many seconds
--       failures count, the longest wait in seconds
-- Returns 1 when opened, 0 when student and PIN do not belong together, or what is left of the
-- wait, in seconds, below zero; an error where there is no roster at all.
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local until_ms = tonumber(redis.call('HGET', KEYS[3], 'until_ms') or 0)
if until_ms > now_ms then
  return -math.ceil((until_ms - now_ms) / 1000)
end

if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  if redis.call('EXISTS', KEYS[1]) == 0 then
    return redis.error_reply('the roster is missing; it is restored, or prepare it')
  end
  local free = tonumber(ARGV[4])
  for at = 4, 5 do
    local failures = redis.call('INCR', KEYS[at])
    if failures == 1 then
      redis.call('EXPIRE', KEYS[at], ARGV[8])
    end
    if failures > tonumber(ARGV[at + 2]) then
      free = tonumber(ARGV[5])
    end
  end
  local failures = redis.call('HINCRBY', KEYS[3], 'failures', 1)
  if failures >= free then
    local wait_s = math.min(tonumber(ARGV[9]), 2 ^ (failures - free))
    redis.call('HSET', KEYS[3], 'until_ms', string.format('%.0f', now_ms + 1000 * wait_s))
  end
  redis.call('EXPIRE', KEYS[3], ARGV[8])
  return 0
end
redis.call('DEL', KEYS[3])
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[3])
return 1
