-- The same visible work as Pointsman does on an OPPO push, as one would write it by hand: the message id is found in the
-- request's body, a trace id made of it goes out as `traceparent`, and the vendor's code is found in the answer's body.

local function trace_id(message_id)
  local hex = message_id:gsub(".", function(c) return string.format("%02x", c:byte()) end)
  return (hex .. string.rep("0", 32)):sub(1, 32)
end

local function span_id()
  return string.format("%08x%08x", math.random(0, 0x7fffffff), math.random(1, 0x7fffffff))
end

local function all_of(body)
  return body and body:getBytes(0, body:length()) or ""
end

function envoy_on_request(handle)
  local headers = handle:headers()
  if headers:get(":authority") ~= "api.push.oppomobile.com" or headers:get(":method") ~= "POST"
    or headers:get(":path") ~= "/server/v1/message/notification/unicast"
    or headers:get("content-type") ~= "application/x-www-form-urlencoded" or headers:get("traceparent") then
    return
  end
  local bytes = all_of(handle:body())
  local _, before = bytes:find("app_message_id%22%3A%22", 1, true)
  local after = before and bytes:find("%22", before, true)
  if after then
    local id = bytes:sub(before + 1, after - 1)
    -- What was fetched before the filter has waited for the body is no longer valid.
    handle:headers():replace("traceparent", "00-" .. trace_id(id) .. "-" .. span_id() .. "-01")
  end
end

function envoy_on_response(handle)
  local status = handle:headers():get(":status")
  local _, before = all_of(handle:body()):find('"code":', 1, true)
  if status ~= "200" or not before then
    handle:logWarn("the vendor did not answer as it should")
  end
end
