-- Script for wrk: posts the files 0 … COUNT-1 of FOLDER in turn and prints the measurement as JSON.
--   wrk … -s load.lua URL -- FOLDER COUNT CONTENT_TYPE
local requests, turn = {}, 0

function init(arguments)
   local folder, count, content_type = arguments[1], tonumber(arguments[2]), arguments[3]
   for i = 0, count - 1 do
      local file = assert(io.open(folder .. "/" .. i, "rb"))
      requests[i] = wrk.format("POST", nil, { ["Content-Type"] = content_type }, file:read("*a"))
      file:close()
   end
   requests.count = count
end

function request()
   turn = (turn + 1) % requests.count
   return requests[turn]
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      '{"requests":%d,"seconds":%.6f,"p50_ms":%.3f,"p99_ms":%.3f,' ..
      '"errors":{"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}}\n',
      summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
      errors.connect, errors.read, errors.write, errors.status, errors.timeout
   ))
end
