-- Gives a student a place in the queue: the one held already, else the next.
-- KEYS: session, queue, admission · ARGV: student, position the client claims (0: none; believed)
-- Returns {1, position, watermark} or {0, problem code}.
local student, claimed = ARGV[1], tonumber(ARGV[2])

if redis.call('GET', KEYS[1]) ~= student then
  return {0, 'unauthenticated'}
end
local state = redis.call('HMGET', KEYS[3], 'epoch', 'watermark')
if not state[1] then
  return {0, 'dependency_unavailable'}  -- the queue was lost and is about to be put back
end

local position = tonumber(redis.call('HGET', KEYS[2], student))
if claimed > 0 then
  position = claimed
  redis.call('HSET', KEYS[2], student, position)
elseif not position then
  position = redis.call('HINCRBY', KEYS[3], 'joined', 1)
  redis.call('HSET', KEYS[2], student, position)
end
return {1, position, tonumber(state[2])}
