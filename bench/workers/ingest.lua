-- Load on DuckMesh's ingest route for wrk. Requests are rendered beforehand by bench/wrk.py; here
-- only the keys' prefix and the tenant's number are written into them, at known places, so that the
-- generator is far cheaper than the server.
--
-- Arguments: file of requests, file of places, run, first counter, tenants.
-- A line of places: start, length and tenant's offset of a request, then the offsets of its keys.
local ffi = require("ffi")

local threads = {}

function setup(thread)
  thread:set("number", #threads)
  table.insert(threads, thread)
end

function init(args)
  local file = assert(io.open(args[1], "rb"))
  local text = file:read("*a")
  file:close()
  buffer = ffi.new("char[?]", #text)
  ffi.copy(buffer, text, #text)
  requests = {}
  for line in io.lines(args[2]) do
    local places = {}
    for place in line:gmatch("%d+") do
      places[#places + 1] = tonumber(place)
    end
    requests[#requests + 1] = places
  end
  run = tonumber(args[3])
  counter = tonumber(args[4])
  tenants = tonumber(args[5])
  issued = 0
end

function request()
  local places = requests[issued % #requests + 1]
  counter = counter + 1
  local low = counter % 65536
  local high = (counter - low) / 65536 % 4294967296
  local prefix = string.format("%08x-%04x-7%03x-8%03x", high, low, number, run)
  local start = places[1]
  if places[3] > 0 then
    ffi.copy(buffer + places[3], string.format("%04d", (issued + number) % tenants), 4)
  end
  for place = 4, #places do
    ffi.copy(buffer + places[place], prefix, 23)
  end
  issued = issued + 1
  return ffi.string(buffer + start, places[2])
end

function done(summary, latency, requests)
  local sent = 0
  for _, thread in ipairs(threads) do
    sent = sent + thread:get("issued")
  end
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests": %d, "seconds": %.6f, "sent": %d, "status_errors": %d, '
      .. '"socket_errors": %d, "p50": %.3f, "p95": %.3f, "p99": %.3f, "max": %.3f}\n',
    summary.requests, summary.duration / 1e6, sent, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, latency:percentile(99) / 1e3,
    latency.max / 1e3))
end
