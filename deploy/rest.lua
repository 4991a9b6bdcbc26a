-- What REST clients see of an answer, and what is refused before a worker is asked.
--
-- Runs before the transcoder on the way in and after it on the way out; native gRPC and gRPC-Web do not come here. Above
-- this file the gateway writes DEPRECATED_SINCE, NO_STORE (the Cache-Control of errors), OTHERWISE (the error family of
-- what has no route) and what follows, made from the descriptors:
--   PATHS    the tree of declared paths: n = literal children by name, v = any segment, s = {custom verb, child} pairs,
--            d = all the rest; t = what stands there: family (of errors), verbs (true; of a deprecated one the Link
--            of what replaces it, empty where nothing does), allow, bound (fields that the path binds), bodied (verbs that need a body), json (of verbs whose body the
--            transcoder reads: which of SHAPES it must have, 0 for any), public (GET answers a document for everybody)
--   BODIES, JSON_NAMES  the fields that whole bodies are; what clients call a field
--   NUMBERS  the names of query parameters that are whole numbers
--   BEGINNINGS  {path, error family} of what is below it; the first that matches counts
--   MAX_HEADERS, MAX_HEADER_BYTES  how many headers a request may have, and how long all are together
--   ANSWERS  per error family and refusal: {status, content type, body}
--   CONNECT  such an answer, for clients of Connect's own protocol
--
-- A worker says what the transcoder cannot: `x-http-status` beside a success; `x-http-status`, `x-http-content-type` and
-- `x-http-error` (the body) with an error.

local FIELD = "@field@"
local find, sub = string.find, string.sub

-- The declared path that `path` matches from position `from` (after a slash) on, or nil.
local function declared(node, path, from)
  if from > #path + 1 then return node.t end
  local slash = find(path, "/", from, true) or #path + 1
  local segment = sub(path, from, slash - 1)
  if segment == "" then return node.t end -- a trailing slash changes nothing
  local child = node.n and node.n[segment]
  local found = child and declared(child, path, slash + 1)
  if found then return found end
  for _, pair in ipairs(node.s or {}) do
    if #segment > #pair[1] and sub(segment, -#pair[1]) == pair[1] then
      found = declared(pair[2], path, slash + 1)
      if found then return found end
    end
  end
  return node.v and declared(node.v, path, slash + 1) or node.d and node.d.t
end

local function decoded(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

-- The transcoder lets a query parameter overwrite the field that the path binds, so that a rule on the path would judge
-- another value than the operation uses.
local function repeats(bound, query)
  for name in query:gmatch("[^&=]+") do
    if bound[name] or bound[decoded(name)] then return true end
  end
  return false
end

-- Clients write `startIndex=` for a number that they do not say; the transcoder would refuse it as none.
local function without_empty_numbers(query)
  local kept = {}
  for pair in query:gmatch("[^&]+") do
    local name = pair:match("^([^=]+)=$")
    if not (name and NUMBERS[decoded(name)]) then kept[#kept + 1] = pair end
  end
  return table.concat(kept, "&")
end

-- The error family of a path for which no route was chosen, as routes would have it.
local function family_of(path)
  for _, beginning in ipairs(path and path ~= "" and BEGINNINGS or {}) do
    local length = #beginning[1]
    local after = sub(path, length + 1, length + 1)
    if sub(path, 1, length) == beginning[1] and (after == "" or after == "/" or after == "?") then return beginning[2] end
  end
  return OTHERWISE
end

-- `path`: where Envoy refused before it chose a route, which it does where HTTP is broken.
local function family(handle, path)
  return ANSWERS[handle:filterContext():get("family") or family_of(path)]
end

-- Headers of a request that says more than which document it wants, or who asks: a worker answers it.
local SAYS_MORE = {
  authorization = true, cookie = true, ["content-length"] = true, ["transfer-encoding"] = true, expect = true,
  ["cache-control"] = true, pragma = true, range = true, ["if-range"] = true, ["if-match"] = true,
  ["if-none-match"] = true, ["if-modified-since"] = true, ["if-unmodified-since"] = true,
}

-- Whether there are too many headers (Envoy refuses twice as much before it knows the path, and so the dialect), and
-- whether they are those of anybody.
local function judged(headers)
  local count, bytes, anybody = 0, 0, true
  for name, value in pairs(headers) do
    count, bytes = count + 1, bytes + #name + #value
    if SAYS_MORE[name] then anybody = false end
  end
  return count > MAX_HEADERS or bytes > MAX_HEADER_BYTES, anybody
end

local function respond(handle, answer, allow)
  handle:respond({[":status"] = answer[1], ["content-type"] = answer[2], allow = allow}, answer[3])
end

local function refuse(handle, name, allow)
  respond(handle, family(handle)[name], allow)
end

-- What the answer to this request must know of it.
local function mark_for_answer(handle, name, value)
  handle:streamInfo():dynamicMetadata():set("ostiary", name, value)
end

-- What stands at `path`, and where its query begins.
local function place_of(path)
  local mark = find(path, "?", 1, true)
  return declared(PATHS, mark and sub(path, 1, mark - 1) or path, 2), mark
end

-- Documents for everybody (key sets, metadata) that a worker answered less than KEPT_S seconds ago, by host and path. What
-- is over its share of bytes goes by halves: what was kept first goes first. Each thread of Envoy has tables of its own.
local KEPT_S, LARGEST, HALF = 2, 65536, 1048576
local OVERHEAD = 1024 -- of an entry, beside its texts
local young, old, young_bytes = {}, {}, 0

-- The headers that a kept document has again, and those that each answer has of its own (Cache-Control is the route's).
-- With any other it is not kept.
local OF_DOCUMENT = {["content-type"] = true, deprecation = true, link = true, vary = true}
local OF_ANSWER = {
  [":status"] = true, ["content-length"] = true, ["cache-control"] = true, date = true, server = true,
  ["x-request-id"] = true,
}

-- Answers with the document at `key`, if there is one; else the answer that comes is kept. Ages count from the request: a
-- document that a worker read before a change is gone KEPT_S after it.
local function answer_kept(handle, key)
  local document, now = young[key] or old[key], os.time()
  local age = document and now - document.at
  if age and age >= 0 and age < KEPT_S then
    document.headers.age = tostring(age)
    handle:respond(document.headers, document.body)
    return true
  end
  mark_for_answer(handle, "document", key)
  mark_for_answer(handle, "at", now)
end

local function keep(handle, key, at)
  local length = tonumber(handle:headers():get("content-length"))
  local body = length and length > 0 and length <= LARGEST and handle:body()
  if not body or body:length() ~= length then return end
  local headers = {[":status"] = "200"}
  for name, value in pairs(handle:headers()) do
    if not OF_ANSWER[name] then
      if not OF_DOCUMENT[name] or headers[name] then return end
      headers[name] = value
    end
  end
  young_bytes = young_bytes + OVERHEAD + #key + length
  if young_bytes > HALF then young, old, young_bytes = {}, young, OVERHEAD + #key + length end
  young[key] = {at = at, headers = headers, body = body:getBytes(0, length)}
end

-- The transcoder makes an empty message of no body, and of an empty one. Only a body whose length nobody said is waited for.
local function has_body(handle, headers)
  local length = headers:get("content-length")
  if length then return length ~= "0" end
  local body = handle:body()
  return body ~= nil and body:length() > 0
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local path, method = headers:get(":path"), headers:get(":method")
  if not path then return refuse(handle, "405", "") end -- CONNECT names a host
  local too_many, anybody = judged(headers)
  if too_many then return refuse(handle, "431") end
  local place, mark = place_of(path)
  if not place then
    if headers:get("connect-protocol-version") then return respond(handle, CONNECT) end
    return refuse(handle, "404")
  end
  local verb = place.verbs[method]
  if not verb then return refuse(handle, "405", place.allow) end
  if place.public and anybody and not mark and method == "GET" then
    if answer_kept(handle, headers:get(":authority") .. path) then return end
  end
  if verb ~= true then mark_for_answer(handle, "link", verb) end
  if mark and repeats(place.bound, sub(path, mark + 1)) then return refuse(handle, "repeated") end
  if mark and (find(path, "=&", mark, true) or sub(path, -1) == "=") then
    headers:replace(":path", sub(path, 1, mark) .. without_empty_numbers(sub(path, mark + 1)))
  end
  if method == "HEAD" then -- the transcoder knows no HEAD
    mark_for_answer(handle, "head", true)
    headers:replace(":method", "GET")
  end
  if place.bodied[method] and not has_body(handle, headers) then
    handle:headers():replace("x-bodiless", "1") -- for the worker to refuse, who knows by then who asks
  end
  local fault = place.json[method] and put_right(handle, place.json[method])
  if fault then return refuse(handle, fault) end
end

local NOTHING = {}
local function marks(handle)
  return handle:streamInfo():dynamicMetadata():get("ostiary") or NOTHING
end

-- The field as the client writes it: the transcoder says `config.expires_in` where the body, which is `config`, has
-- `expiresIn`.
local function as_written(field)
  local first, rest = field:match("^([%w_]+)%.(.+)$")
  if first and BODIES[first] then field = rest end
  return (field:gsub("[%w_]+", JSON_NAMES))
end

-- RFC 10008 wants a Content-Type of QUERY, and Envoy refuses it without one before it looks for a route. Nothing here takes
-- QUERY, so that is what the answer says.
local function refuse_query(headers, path)
  local place = place_of(path)
  if place then headers:replace("allow", place.allow) end
  return place and place.family or OTHERWISE, place and "405" or "404"
end

-- The refusal for this status. Envoy's words for what a client sent name the field and echo the value; only the field's
-- name goes back.
local function refusal(status, cause, text)
  if status ~= "400" or not cause or not find(cause, "grpc_json_transcode_failure", 1, true) then return status end
  local again = text and text:match("is already set%. Cannot set '([%w_]+)'")
  if again then return "again", as_written(again) end
  local field = text and text:match("^%(?([%w_.%[%]]+)%)?: invalid")
  if not field or BODIES[field] then return "malformed" end
  return "field", as_written(field)
end

local function body_of(handle)
  local body = handle:body(true)
  local length = body and body:length() or 0
  return body, length > 0 and body:getBytes(0, length) or nil
end

-- Envoy would send the body of what it took for a GET, and the client would take it for the next answer.
local function drop_body(handle, length)
  local body = handle:body(true)
  if body then
    length = length and body:length()
    body:setBytes("")
  end
  local headers = handle:headers() -- taken anew: reading a body ends the life of what was taken before
  if length then headers:replace("content-length", tostring(length)) else headers:remove("content-length") end
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local status, stated = headers:get(":status"), headers:get("x-http-status")
  local error, cause = headers:get("x-http-error"), headers:get("x-local-reply")
  if cause and sub(cause, 1, 16) == "application/grpc" then -- no route was found for it
    return headers:replace("content-type", cause)
  end
  headers:remove("grpc-status")
  headers:remove("grpc-message")
  if stated then
    headers:replace(":status", stated)
    status = stated
  end
  if tonumber(status) >= 400 then headers:replace("cache-control", NO_STORE) end
  local marked = marks(handle)
  if marked.link and not headers:get("deprecation") then -- the answer is not a worker's
    headers:add("deprecation", DEPRECATED_SINCE)
    if marked.link ~= "" then headers:add("link", marked.link) end
  end

  if error then
    headers:replace("content-type", headers:get("x-http-content-type"))
    handle:body(true):setBytes(error)
  elseif status == "204" or status == "304" then
    headers:remove("content-type")
    drop_body(handle)
  elseif headers:get("content-length") == "0" then -- of what is empty there is no type
    headers:remove("content-type")
  elseif tonumber(status) >= 400 and not stated and cause ~= "lua_response" then -- stated: the body is the worker's
    local answers = family(handle, headers:get("x-local-path"))
    -- A worker's threads are all taken, it broke off, or it ended before the answer (499 is CANCELLED).
    if status == "429" or status == "502" or status == "499" then status = "503" end
    if cause == "query_missing_content_type" then
      local named
      named, status = refuse_query(headers, headers:get("x-local-path"))
      answers = ANSWERS[named]
    end
    if status == "503" then headers:replace("retry-after", "1") end
    local body, text = body_of(handle)
    local name, field = refusal(status, cause, text)
    local answer = answers[name] or answers[tonumber(status) < 500 and "400" or "500"]
    headers = handle:headers()
    headers:replace(":status", answer[1])
    headers:replace("content-type", answer[2])
    if body then body:setBytes((answer[3]:gsub(FIELD, field or ""))) end
  end
  if marked.head then drop_body(handle, 0) end
  if marked.document and status == "200" and not stated and not error and not cause then
    keep(handle, marked.document, marked.at)
  end
end
