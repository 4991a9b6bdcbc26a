-- Refuses what calls itself gRPC or gRPC-Web and is not spoken here: another encoding than protobuf, such as JSON (415), or
-- another method than POST (405). As HTTP, since a gRPC status would have clients send it again. And native gRPC without
-- `te: trailers`, by which gRPC finds out that something between speaks HTTP/1.1 or takes trailers away: a worker would
-- break it off, which clients take for something that passes.
--
-- Above this file the gateway writes WRONG_METHOD and WRONG_ENCODING: {status, content type, body}, SPOKEN, the
-- content types of native gRPC, and NO_TRAILERS: {grpc-status, grpc-message}.

function envoy_on_request(handle)
  local headers = handle:headers()
  local is_post = headers:get(":method") == "POST"
  if is_post and SPOKEN[headers:get("content-type")] then
    handle:streamInfo():dynamicMetadata():set("ostiary", "status", "200")
    return handle:respond({[":status"] = "200"}, "")
  end
  local answer = is_post and WRONG_ENCODING or WRONG_METHOD
  handle:streamInfo():dynamicMetadata():set("ostiary", "status", answer[1])
  handle:respond({[":status"] = answer[1], ["content-type"] = answer[2], allow = not is_post and "POST" or nil}, answer[3])
end

-- Envoy makes 200 and a grpc-status of every refusal of native gRPC.
function envoy_on_response(handle)
  local headers = handle:headers()
  local status = handle:streamInfo():dynamicMetadata():get("ostiary").status
  headers:replace(":status", status)
  if status == "200" then
    headers:replace("grpc-status", NO_TRAILERS[1])
    return headers:replace("grpc-message", NO_TRAILERS[2])
  end
  headers:remove("grpc-status")
  headers:remove("grpc-message")
end
