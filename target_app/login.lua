-- Opens a session where the PIN's keyed hash is the one on the roster.
-- KEYS: roster pins, session · ARGV: student, keyed hash of the PIN, seconds to live
-- Returns 1 when opened, 0 when student and PIN do not belong together.
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return 0
end
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[3])
return 1
