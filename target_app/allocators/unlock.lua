-- Gives a lock back, unless the lease ran out and it is somebody else's by now.
-- KEYS: lock · ARGV: token
-- Returns 1 when given back, 0 when it was not this holder's any more.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])
