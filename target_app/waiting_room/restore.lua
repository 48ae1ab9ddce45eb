-- Opens the queue, or puts back what a worker remembers of one that Redis lost. What is there
-- stays: a student keeps the place held now, and counters only grow.
-- KEYS: queue, admission
-- ARGV: epoch to name a queue that is not there, joined, watermark, paused, rate and cap (empty:
--       the usual), then student, position, student, position …
-- Returns the queue's epoch.
redis.call('HSETNX', KEYS[2], 'epoch', ARGV[1])
for at, field in ipairs({'joined', 'watermark'}) do
  local held, remembered = tonumber(redis.call('HGET', KEYS[2], field)), tonumber(ARGV[1 + at])
  if not held or held < remembered then
    redis.call('HSET', KEYS[2], field, ARGV[1 + at])
  end
end
redis.call('HSETNX', KEYS[2], 'moved_us', 0)
redis.call('HSETNX', KEYS[2], 'tokens', 0)
redis.call('HSETNX', KEYS[2], 'paused', ARGV[4])
for at, field in ipairs({'rate', 'cap'}) do
  if ARGV[4 + at] ~= '' then
    redis.call('HSETNX', KEYS[2], field, ARGV[4 + at])
  end
end
for at = 7, #ARGV, 2 do
  redis.call('HSETNX', KEYS[1], ARGV[at], ARGV[at + 1])
end
return redis.call('HGET', KEYS[2], 'epoch')
