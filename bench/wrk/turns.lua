-- Lets callers take turns. Each line of the file that is named after `--` is the value of an Authorization header.

local requests, turn = {}, 0

function init(arguments)
  for authorization in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("GET", nil, { Authorization = authorization })
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

-- One line of JSON after wrk's own report, with the same percentiles. Times are in microseconds.
function done(summary, latency)
  local errors = summary.errors
  print(string.format('{"requests":%d,"failed":%d,"p50_us":%d,"p99_us":%d}', summary.requests,
    errors.connect + errors.read + errors.write + errors.timeout + errors.status,
    latency:percentile(50), latency:percentile(99)))
end
