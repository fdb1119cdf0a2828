-- For wrk: asks for the paths of a file in turn, as different mail clients, and says how it went as one line of JSON.
-- Environment: PATHS (a path a line), AGENTS (a User-Agent a line), THINK_MS (pause before each request, 0: none).
local paths, agents = {}, {}
local think = tonumber(os.getenv("THINK_MS") or "0")
local at = 0

function init(args)
  for line in io.lines(os.getenv("PATHS")) do paths[#paths + 1] = line end
  for line in io.lines(os.getenv("AGENTS")) do agents[#agents + 1] = line end
  math.randomseed(tonumber(os.getenv("SEED") or "1"))
  at = math.random(#paths)
end

function request()
  at = at % #paths + 1
  return wrk.format("GET", paths[at], {
    ["User-Agent"] = agents[at % #agents + 1],
    -- One trusted hop in front: everybody comes from an address of their own.
    ["X-Forwarded-For"] = string.format("81.%d.%d.%d", at % 200 + 1, math.floor(at / 200) % 250, at % 250 + 1),
  })
end

if think > 0 then
  function delay() return math.random(0, 2 * think) end
end

function done(summary, latency, requests)
  io.write(string.format(
    '\n{"requests": %d, "seconds": %.6f, "p50_us": %d, "p99_us": %d, "max_us": %d, "bytes": %d, "not_200": %d, "socket_errors": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99), latency.max,
    summary.bytes, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
