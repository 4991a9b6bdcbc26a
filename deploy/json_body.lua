-- What the transcoder would misread of a body of JSON, or refuse although nothing is wrong with it.
--
-- Above this file the gateway writes MAX_BODY (bytes of a body; the next filter refuses more).

local MARK = "\239\187\191" -- RFC 8259, section 8.1: who reads may ignore a byte order mark
local EXAMINED = 32768 -- bytes; a longer text would keep all others waiting for milliseconds
local QUOTE, BACKSLASH, OBJECT, ARRAY = ('"\\{['):byte(1, 4)

-- The place of the quote that ends the string which begins at `from`, or nil.
local function closing_quote(text, from)
  local at = from
  repeat
    at = text:find('["\\]', at + 1)
    if not at then return nil end
    local escapes = text:byte(at) == BACKSLASH
    if escapes then at = at + 1 end
  until not escapes
  return at
end

local function spelled(name)
  if not name:find("\\", 1, true) then return name end
  return (name:gsub("\\u00(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

-- The text with another name for members whose name is empty, down to `deepest`, so that they are ignored like all that
-- no field has; nil when an object has a name twice (RFC 7493, section 2.3). What is no JSON stays as it is.
local function examined(text, deepest)
  local pieces, written, depth, names, at = {}, 1, 0, {}, 1
  while true do
    at = text:find('["{}%[%]]', at)
    if not at then break end
    local mark = text:byte(at)
    if mark == QUOTE then
      local close = closing_quote(text, at)
      if not close then break end
      if names[depth] and text:find("^%s*:", close + 1) then
        local name = spelled(text:sub(at + 1, close - 1))
        if names[depth][name] then return nil end
        names[depth][name] = true
        if name == "" and depth <= deepest then
          pieces[#pieces + 1] = text:sub(written, at) .. "-"
          written = close
        end
      end
      at = close
    else
      depth = (mark == OBJECT or mark == ARRAY) and depth + 1 or depth - 1
      if mark == OBJECT then names[depth] = {} elseif mark == ARRAY then names[depth] = false end
    end
    at = at + 1
  end
  return table.concat(pieces) .. text:sub(written)
end

-- Puts the body of this request right; false when it must be refused.
local function put_right(handle, deepest)
  local told = handle:headers():get("content-length")
  if told and tonumber(told) > MAX_BODY then return true end
  local body = handle:body()
  local length = body and body:length() or 0
  if length == 0 then return true end
  local text = body:getBytes(0, length)
  local right = text:sub(1, 3) == MARK and text:sub(4) or text
  if #right <= EXAMINED then right = examined(right, deepest) end
  if right and right ~= text then
    body:setBytes(right)
    if told then handle:headers():replace("content-length", tostring(#right)) end
  end
  return right ~= nil
end
