-- Moves the watermark: admits whoever is next, as far as time, rate and cap allow.
-- KEYS: details, admission, inside
-- ARGV: pub/sub channel, 1 if there is anything to be admitted to, microseconds an admission counts,
--       seconds of rate that may be saved up, the usual rate and cap,
--       then the positions whose students were answered
-- Returns {epoch, joined, watermark, inside, paused, rate, cap}, or {} where the queue is not
-- there: never opened, or lost.
local state = redis.call('HMGET', KEYS[2],
  'epoch', 'joined', 'watermark', 'moved_us', 'tokens', 'paused', 'rate', 'cap')
if not state[1] then
  return {}
end
local joined, watermark = tonumber(state[2]), tonumber(state[3])
local rate, cap = tonumber(state[7] or ARGV[5]), tonumber(state[8] or ARGV[6])
local paused = state[6] == '1'

for at = 7, #ARGV do
  redis.call('ZREM', KEYS[3], ARGV[at])
end
local now = redis.call('TIME')
local now_us = tonumber(now[1]) * 1000000 + tonumber(now[2])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now_us)
local inside = redis.call('ZCARD', KEYS[3])

-- A T-0 between two microseconds counts from the later one, as in grant.lua.
local opens_ns = redis.call('HGET', KEYS[1], 'opens_at_ns')
local opens_us = opens_ns and (tonumber(string.sub(opens_ns, 1, -4)) or 0)
if opens_us and string.sub(opens_ns, -3) ~= '000' then
  opens_us = opens_us + 1
end

if opens_us and now_us >= opens_us and ARGV[2] == '1' then
  local tokens = 0
  if not paused then
    local since_us = math.max(tonumber(state[4]), opens_us)
    tokens = tonumber(state[5]) + math.max(0, now_us - since_us) / 1000000 * rate
    tokens = math.min(tokens, math.max(1, rate * tonumber(ARGV[4])))
    local admitted = math.floor(math.min(tokens, cap - inside, joined - watermark))
    if admitted > 0 then
      local expires_us = string.format('%.0f', now_us + tonumber(ARGV[3]))
      for position = watermark + 1, watermark + admitted do
        redis.call('ZADD', KEYS[3], expires_us, position)
      end
      watermark = watermark + admitted
      inside = inside + admitted
      tokens = tokens - admitted
      redis.call('PUBLISH', ARGV[1], 'admitted ' .. string.format('%.0f', watermark))
    end
  end
  redis.call('HSET', KEYS[2], 'watermark', string.format('%.0f', watermark),
    'moved_us', string.format('%.0f', now_us), 'tokens', string.format('%.6f', tokens))
end
return {state[1], joined, watermark, inside, paused and 1 or 0, rate, cap}
