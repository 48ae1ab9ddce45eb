-- Opens a session where the PIN's keyed hash is the one on the roster; too many failures in a
-- while, for one student or from one address, and nobody is let in there until it is over.
-- KEYS: roster pins, session, failures of the student, failures from the address
-- ARGV: student, keyed hash of the PIN, seconds to live, failures a student may have, and for how
--       many seconds they count, failures an address may have, and for how many seconds they count
-- Returns 1 when opened, 0 when student and PIN do not belong together, or what is left of the
-- while, in seconds, below zero; an error where there is no roster at all.
local failures = redis.call('MGET', KEYS[3], KEYS[4])
local wait = 0
if tonumber(failures[1] or 0) >= tonumber(ARGV[4]) then
  wait = math.max(1, redis.call('TTL', KEYS[3]))
end
if tonumber(failures[2] or 0) >= tonumber(ARGV[6]) then
  wait = math.max(1, wait, redis.call('TTL', KEYS[4]))
end
if wait > 0 then
  return -wait
end

if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  if redis.call('EXISTS', KEYS[1]) == 0 then
    return redis.error_reply('the roster is missing; it is restored, or prepare it')
  end
  -- The while begins with the first failure, so that failing on does not lengthen it.
  if redis.call('INCR', KEYS[3]) == 1 then
    redis.call('EXPIRE', KEYS[3], ARGV[5])
  end
  if redis.call('INCR', KEYS[4]) == 1 then
    redis.call('EXPIRE', KEYS[4], ARGV[7])
  end
  return 0
end
if failures[1] then
  redis.call('DEL', KEYS[3])
end
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[3])
return 1
