-- Takes a lock for a while, with a token that is higher than every one before it.
-- KEYS: lock, fence · ARGV: milliseconds to hold it at most, the lowest token to count on from
-- Returns the token, or 0 while somebody else holds the lock.
if redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
if (tonumber(redis.call('GET', KEYS[2])) or 0) < tonumber(ARGV[2]) then
  redis.call('SET', KEYS[2], ARGV[2])  -- Redis had lost it
end
local token = redis.call('INCR', KEYS[2])
redis.call('SET', KEYS[1], token, 'NX', 'PX', ARGV[1])
return token
