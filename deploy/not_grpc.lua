-- Refuses what calls itself gRPC or gRPC-Web and is not spoken here: another encoding than protobuf, such as JSON (415), or
-- another method than POST (405). As HTTP, since a gRPC status would have clients send it again.
--
-- Above this file the gateway writes WRONG_METHOD and WRONG_ENCODING: {status, content type, body}.

function envoy_on_request(handle)
  local is_post = handle:headers():get(":method") == "POST"
  local answer = is_post and WRONG_ENCODING or WRONG_METHOD
  handle:streamInfo():dynamicMetadata():set("ostiary", "status", answer[1])
  handle:respond({[":status"] = answer[1], ["content-type"] = answer[2], allow = not is_post and "POST" or nil}, answer[3])
end

-- Envoy makes 200 and a grpc-status of every refusal of native gRPC.
function envoy_on_response(handle)
  local headers = handle:headers()
  headers:replace(":status", handle:streamInfo():dynamicMetadata():get("ostiary").status)
  headers:remove("grpc-status")
  headers:remove("grpc-message")
end
