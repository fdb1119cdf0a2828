-- Token buckets as GCRA (the "virtual scheduling" form of ITU-T I.371): of each bucket only one moment is
-- kept, the time at which the next mail is due if mails came evenly ("due"), in microseconds of this server.
-- The same arithmetic, operation by operation, is in bucket_arithmetic.py.
--
-- KEYS  1: the workers; 2..: the buckets
-- ARGV  1: our name  2: "1" to be counted as alive  3: seconds after which a silent worker is forgotten
--       4: patterns of buckets "1,3;2", separated by semicolons  5: the pattern of each mail "1,1,2"
--       then for each bucket five: "r", interval, tolerance, "", ""   or   "q", most, left, seed, debt
-- Reply {"seed"} where a day's count is missing and no seed came with it (nothing was changed), else
--       {number of workers alive, microseconds to wait for each mail (0: taken) ...}

local n = #KEYS - 1
local kept = n > 0 and redis.call('MGET', unpack(KEYS, 2)) or {}
local quota, due, interval, tolerance, room, left, used = {}, {}, {}, {}, {}, {}, {}
local touched = {}

for i = 1, n do
  local at = 5 + (i - 1) * 5
  quota[i] = ARGV[at + 1] == 'q'
  if not quota[i] then
    interval[i], tolerance[i] = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
    room[i] = math.huge
    -- A new bucket has room for one mail, not for a burst: the tolerance is for latecomers.
    due[i] = kept[i] and tonumber(kept[i]) or now + tolerance[i]
  else
    local most, seed, debt = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5])
    left[i] = tonumber(ARGV[at + 3])
    if kept[i] then
      local count, moment = string.match(kept[i], '^(%S+) (%S+)$')
      used[i], due[i] = tonumber(count) + debt, tonumber(moment)
      touched[i] = debt > 0
    elseif seed then
      used[i], due[i], touched[i] = seed, now, true
    else
      return {'seed'}
    end
    room[i] = math.max(0, most - used[i])
    -- What is left of the day's mails, evenly over what is left of the day, and never all in a moment.
    interval[i] = math.max(left[i] / math.max(1, room[i]), 14400000000 / math.max(1, most))
    tolerance[i] = 0
  end
  -- Never further ahead, unless this server's clock was put back or the limit was raised.
  due[i] = math.min(due[i], now + tolerance[i] + interval[i])
end

local patterns = {}
for pattern in string.gmatch(ARGV[4], '[^;]+') do
  local buckets = {}
  for i in string.gmatch(pattern, '%d+') do buckets[#buckets + 1] = tonumber(i) end
  patterns[#patterns + 1] = buckets
end

-- "later" counts refused mails as well, so that the second of two waits longer than the first.
local later, unasked = {}, {}
for i = 1, n do later[i], unasked[i] = due[i], room[i] end

local reply = {0}
for number in string.gmatch(ARGV[5], '%d+') do
  local buckets = patterns[tonumber(number)]
  local wait, hint = 0, 0
  for _, i in ipairs(buckets) do
    wait = math.max(wait, room[i] > 0 and due[i] - tolerance[i] - now or left[i])
    hint = math.max(hint, unasked[i] > 0 and later[i] - tolerance[i] - now or left[i])
  end
  for _, i in ipairs(buckets) do
    if wait <= 0 then
      due[i] = math.max(due[i], now) + interval[i]
      room[i] = room[i] - 1
      touched[i] = true
      if quota[i] then used[i] = used[i] + 1 end
    end
    later[i] = math.max(later[i], now) + interval[i]
    unasked[i] = unasked[i] - 1
  end
  reply[#reply + 1] = wait <= 0 and 0 or math.max(1, math.ceil(math.max(wait, hint)))
end

for i = 1, n do
  if touched[i] then
    if quota[i] then
      local value = string.format('%d %.17g', used[i], due[i])
      redis.call('SET', KEYS[i + 1], value, 'PX', math.ceil(left[i] / 1000) + 3600000)
    else
      local value = string.format('%.17g', due[i])
      redis.call('SET', KEYS[i + 1], value, 'PX', math.ceil(math.max(0, due[i] - now) / 1000) + 10000)
    end
  end
end

local seconds = now / 1000000
if ARGV[2] == '1' then
  redis.call('ZADD', KEYS[1], seconds, ARGV[1])
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', seconds - tonumber(ARGV[3]))
  redis.call('EXPIRE', KEYS[1], 86400)
end
reply[1] = redis.call('ZCARD', KEYS[1])
return reply
