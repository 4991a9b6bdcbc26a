-- Refuses gRPC and gRPC-Web in an encoding that nobody here reads, such as JSON: 415, which no client sends again.
--
-- Above this file the gateway writes STATUS, TYPE and BODY.

function envoy_on_request(handle)
  handle:respond({[":status"] = STATUS, ["content-type"] = TYPE}, BODY)
end

-- Envoy makes 200 and a grpc-status of every refusal of native gRPC.
function envoy_on_response(handle)
  local headers = handle:headers()
  headers:replace(":status", STATUS)
  headers:remove("grpc-status")
  headers:remove("grpc-message")
end
