-- What the transcoder would misread of a body of JSON, or refuse although nothing is wrong with it.
--
-- Above this file the gateway writes MAX_BODY (bytes of a body; the next filter refuses more) and SHAPES, made from the
-- descriptors: what values must be, by number. A shape has wanted (in words) and opens ("{", "[", or nothing for a text, a
-- number, true or false); that of a message has fields (a shape by each name; 0: any) and names (what clients call a field
-- that has another name too), that of a list or a map each (the shape of its items). What has no shape is free.
--
-- Bodies are read byte by byte, since LuaJIT compiles that; patterns it does not. Functions that read from a place on
-- return nil where there is no JSON, or where `reading` says what else is wrong: fault (a refusal), or wanted and path.

local MARK = "\239\187\191" -- RFC 8259, section 8.1: who reads may ignore a byte order mark
local DEEPEST = 100 -- objects and lists in each other; the transcoder refuses more
local byte, find, sub = string.byte, string.find, string.sub
local COMMA, COLON, NULL, BACKSLASH = (",:n\\"):byte(1, -1)
local CLOSES_OBJECT, CLOSES_LIST = ("}]"):byte(1, 2)
local OPENS = {[("{"):byte()] = "{", [("["):byte()] = "["}
local QUOTES = {[('"'):byte()] = '"', [("'"):byte()] = "'"} -- the transcoder takes both
local ESCAPED = {b = "\b", f = "\f", n = "\n", r = "\r", t = "\t"}

local function is_blank(mark)
  return mark == 32 or mark and mark <= 13 and mark >= 9
end

-- The place of what is no white space from `at` on, and the byte there.
local function next_mark(text, at)
  local mark = byte(text, at)
  if not is_blank(mark) then return at, mark end
  at, mark = at + 1, byte(text, at + 1)
  if not is_blank(mark) then return at, mark end
  at = find(text, "%S", at) or #text + 1
  return at, byte(text, at)
end

-- The place of the quote that ends the text which begins with a quote at `from`, or nil.
local function closing_quote(text, from, quote)
  local at, before = from, from
  repeat
    at = find(text, quote, at + 1, true)
    if not at then return nil end
    before = at - 1
    while byte(text, before) == BACKSLASH do before = before - 1 end
  until (at - before) % 2 == 1
  return at
end

-- Where the number, the literal or the name without quotes ends that begins at `at`.
local function word_end(text, at)
  local mark = byte(text, at)
  while mark and mark > 32 and mark ~= COMMA and mark ~= COLON and mark ~= CLOSES_LIST and mark ~= CLOSES_OBJECT do
    at = at + 1
    mark = byte(text, at)
  end
  return at
end

local function utf8(code)
  if code < 0x80 then return string.char(code) end
  local last = string.char(0x80 + code % 0x40)
  code = math.floor(code / 0x40)
  if code < 0x20 then return string.char(0xC0 + code) .. last end
  return string.char(0xE0 + math.floor(code / 0x40), 0x80 + code % 0x40) .. last
end

-- A name without its escapes: `\u0061` and, which JSON has not but the transcoder takes, `\a` are an `a`.
local function spelled(name)
  if not find(name, "\\", 1, true) then return name end
  return (name:gsub("\\(u?)(.)(%x?%x?%x?)", function(unicode, mark, rest)
    if unicode == "" then return (ESCAPED[mark] or mark) .. rest end
    local code = tonumber(mark .. rest, 16)
    return code and utf8(code)
  end))
end

-- The name of a member that begins at `at`, and the place after it; nil where none stands.
local function name_at(text, at, mark)
  local quote = QUOTES[mark]
  local last = quote and closing_quote(text, at, quote) or not quote and word_end(text, at)
  if not last or last == at then return nil end
  if quote then return spelled(sub(text, at + 1, last - 1)), last + 1 end
  return sub(text, at, last - 1), last
end

-- Where the value stands whose shape is wrong: each object and list around it adds its step. Always nil.
local function misplaced(reading, step)
  if reading.wanted then reading.path = step .. reading.path end
  return nil
end

-- The place of the next item or member after the one that ends before `at`, or of the end; and the byte there.
local function next_item(text, at, ending)
  local mark
  at, mark = next_mark(text, at)
  if mark == COMMA then return next_mark(text, at + 1) end
  return at, mark == ending and mark or nil
end

-- Whether this object has had the name before. Objects of one level follow each other, so they share a table.
local function is_twice(reading, level, name)
  local names, object = reading.names[level], reading.object[level]
  if names[name] == object then return true end
  names[name] = object
  return false
end

local value

-- The place after the member that begins at `at`.
local function member(text, at, mark, shape, reading, level)
  local fields, each = shape and shape.fields, shape and SHAPES[shape.each]
  local name, colon = name_at(text, at, mark)
  if not name then return nil end
  if is_twice(reading, level, name) then reading.fault = "twice" return nil end
  if fields then
    if name == "" then reading.nameless[#reading.nameless + 1] = at end
    name = shape.names[name] or name
  end
  colon, mark = next_mark(text, colon)
  if mark ~= COLON then return nil end
  local after = value(text, colon + 1, each or fields and SHAPES[fields[name]], reading, level, each)
  if after then return after end
  return misplaced(reading, "." .. ((fields or find(name, "^[%w_-]+$")) and name or "*"))
end

-- The place after the object that begins at `at`.
local function members(text, at, shape, reading, level)
  local mark
  reading.objects = reading.objects + 1
  reading.object[level] = reading.objects
  reading.names[level] = reading.names[level] or {}
  at, mark = next_mark(text, at + 1)
  while mark ~= CLOSES_OBJECT do
    at = mark and member(text, at, mark, shape, reading, level)
    if not at then return nil end
    at, mark = next_item(text, at, CLOSES_OBJECT)
  end
  return at + 1
end

-- The place after the list that begins at `at`.
local function items(text, at, shape, reading, level)
  local each, count, mark = shape and SHAPES[shape.each], 0
  at, mark = next_mark(text, at + 1)
  while mark ~= CLOSES_LIST do
    at = mark and value(text, at, each, reading, level, each)
    if not at then return misplaced(reading, "[" .. count .. "]") end
    count = count + 1
    at, mark = next_item(text, at, CLOSES_LIST)
  end
  return at + 1
end

-- The place after the value that begins at `at`. Null is no value, but of an item it would be lost.
function value(text, at, shape, reading, level, is_item)
  local mark
  at, mark = next_mark(text, at)
  local opens = OPENS[mark]
  if shape and (mark == NULL and is_item or mark ~= NULL and shape.opens ~= opens) then
    reading.wanted, reading.path = shape.wanted, ""
    return nil
  end
  if opens then
    if level == DEEPEST then return nil end
    return (opens == "{" and members or items)(text, at, shape, reading, level + 1)
  end
  local quote = QUOTES[mark]
  local last = quote and closing_quote(text, at, quote) or not quote and word_end(text, at) - 1
  return last and last >= at and last + 1 or nil
end

-- The text with another name for members of messages whose name is empty, so that they are ignored like all that no
-- field has.
local function named(text, nameless)
  local pieces, written = {}, 1
  for _, at in ipairs(nameless) do
    pieces[#pieces + 1] = sub(text, written, at) .. "-"
    written = at + 1
  end
  return table.concat(pieces) .. sub(text, written)
end

-- Reads a body that must have this shape: the text that the transcoder gets; or nil and the name of a refusal; or what
-- it gets in place of a body in which a value has the wrong shape, and what is wrong with that.
local function examined(text, shape)
  local reading = {nameless = {}, names = {}, object = {}, objects = 0}
  local after = value(text, 1, shape, reading, 0)
  if reading.wanted and reading.path ~= "" then
    return "{}", sub(reading.path, 2) .. " must be " .. reading.wanted .. "."
  end
  if not after or next_mark(text, after) <= #text then return nil, reading.fault or "malformed" end
  return #reading.nameless > 0 and named(text, reading.nameless) or text
end

-- Puts the body of this request right; the name of a refusal when it must be refused.
local function put_right(handle, shape)
  local told = handle:headers():get("content-length")
  if told and tonumber(told) > MAX_BODY then return nil end
  local body = handle:body()
  local length = body and body:length() or 0
  if length == 0 then return nil end
  local text = body:getBytes(0, length)
  local right, fault = examined(sub(text, 1, 3) == MARK and sub(text, 4) or text, SHAPES[shape])
  if not right then return fault end
  if right ~= text then
    body:setBytes(right)
    if told then handle:headers():replace("content-length", tostring(#right)) end
  end
  if fault then handle:headers():replace("x-local-misshapen", fault) end -- for the worker, who knows by then who asks
end
