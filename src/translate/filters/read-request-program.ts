// The program of the Lua filter for `matchingCell` rules: reads fields of one gRPC message into the stream's own metadata. Everything that
// differs between calls is a local variable of a coroutine that belongs to one stream. It writes last, or not at all: Envoy lets a request
// pass if its script fails, so after an error there must be nothing that a rule could take for an answer.
import { requestMetadata } from '../names.ts';

/** A field of a method's request, in wire format terms. */
export interface ReadField {
  readonly name: string;
  readonly number: number;
  readonly type: 'int64' | 'uint64' | 'string';
}

export interface ReadRequests {
  /** By path. */
  readonly methods: readonly (readonly [path: string, fields: readonly ReadField[]])[];
  /** For whose messages it waits, by whole ID and by prefix: all others are decided by their headers. */
  readonly ids: readonly string[];
  readonly prefixes: readonly string[];
}

/** Fields of one message: no more are read, so that no message occupies a worker thread for long. */
const maxMessageFields = 100_000;

/** Lua. Equal input gives equal text. */
export function readRequestSource({ methods, ids, prefixes }: ReadRequests): string {
  return [
    'local methods = {',
    ...methods.map(([path, fields]) => `  [${quoted(path)}] = {${fields.map(fieldText).join(', ')}},`),
    '}',
    'local ids = {',
    ...ids.map((id) => `  [${quoted(id)}] = true,`),
    '}',
    'local prefixes = {',
    ...prefixes.map((prefix) => `  ${quoted(prefix)},`),
    '}',
    program,
  ].join('\n');
}

const text = String.raw`"(?:[A-Za-z0-9_./:-]|\\[0-9]{3})*"`;
const fields = String.raw`(?:\{name = ${text}, number = \d{1,9}, text = (?:true|false)\}(?:, )?)*`;
const line = new RegExp(
  String.raw`^(?:local (?:methods|ids|prefixes) = \{|\}|  \[${text}\] = (?:true|\{${fields}\}),|  ${text},)$`,
);

/** Whether this code could have generated it: no other program runs in a proxy. */
export function isReadRequestSource(source: string): boolean {
  if (!source.endsWith(`\n${program}`)) return false;
  return source
    .slice(0, -program.length - 1)
    .split('\n')
    .every((one) => line.test(one));
}

function fieldText({ name, number, type }: ReadField): string {
  return `{name = ${quoted(name)}, number = ${number}, text = ${type === 'string'}}`;
}

/** Names come from documents: whatever they contain, they remain quoted text. */
function quoted(value: string): string {
  const bytes = [...Buffer.from(value)];
  return `"${bytes.map((byte) => (isPlain(byte) ? String.fromCharCode(byte) : `\\${String(byte).padStart(3, '0')}`)).join('')}"`;
}

function isPlain(byte: number): boolean {
  return /^[A-Za-z0-9_./:-]$/.test(String.fromCharCode(byte));
}

/**
 * Protocol Buffers, Encoding; gRPC over HTTP/2, Length-Prefixed-Message. Stricter than servers are: what two of them could read in
 * different ways counts as unreadable. The field occurs once and with its own wire type; tags and lengths are as short as possible; there
 * are no groups; the message is complete, the only one and not compressed.
 */
const program = `
local byte, sub, format = string.byte, string.sub, string.format

-- Below 2^53, as short as it can be; and where the next byte is.
local function varint(text, at)
  local value, scale = 0, 1
  for count = 1, 8 do
    local one = byte(text, at)
    at = at + 1
    if one == nil then return nil end
    if one < 128 then
      value = value + one * scale
      if (one == 0 and count > 1) or value > 9007199254740991 then return nil end
      return value, at
    end
    value = value + (one - 128) * scale
    scale = scale * 128
  end
  return nil
end

local function afterVarint(text, at)
  for count = 0, 9 do
    local one = byte(text, at + count)
    if one == nil then return nil end
    if one < 128 then return at + count + 1 end
  end
  return nil
end

-- Past the value of a field; nil for groups and what is no wire type.
local function after(text, at, wire)
  if wire == 0 then return afterVarint(text, at) end
  if wire == 1 then return at + 8 end
  if wire == 5 then return at + 4 end
  if wire ~= 2 then return nil end
  local length, start = varint(text, at)
  if length == nil then return nil end
  return start + length
end

-- What the field says, as text; nil where that is not certain.
local function stated(text, field)
  local size, at, found = #text, 6, nil
  for count = 0, ${maxMessageFields} do
    if at == size + 1 then return found end
    local tag, start = varint(text, at)
    if tag == nil or tag < 8 or tag > 4294967295 then return nil end
    local wire = tag % 8
    at = after(text, start, wire)
    if at == nil or at > size + 1 then return nil end
    if (tag - wire) / 8 == field.number then
      if found ~= nil or wire ~= (field.text and 2 or 0) then return nil end
      local value, from = varint(text, start)
      if value == nil then return nil end
      if field.text then
        found = sub(text, from, at - 1)
        if #found > 16 or found:find("^[0-9]+$") == nil then return nil end
      else
        found = format("%.0f", value)
      end
    end
  end
  return nil
end

local function mayMatch(peer)
  if peer == nil then return false end
  if ids[peer] then return true end
  for _, prefix in ipairs(prefixes) do
    if sub(peer, 1, #prefix) == prefix then return true end
  end
  return false
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local path = headers:get(":path")
  local fields = path and methods[path:match("^[^?]*")]
  if fields == nil or headers:get(":method") ~= "POST" then return end
  local type = headers:get("content-type")
  if type ~= "application/grpc" and type ~= "application/grpc+proto" then return end
  -- A server that undoes it would read another message; gRPC has its own way.
  if headers:get("content-encoding") ~= nil then return end
  if not mayMatch(headers:get("x-cellwall-peer-id")) then return end
  local body = handle:body()
  if body == nil then return end
  local size = body:length()
  if size < 5 then return end
  local text = body:getBytes(0, size)
  local flag, a, b, c, d = byte(text, 1, 5)
  if flag ~= 0 or ((a * 256 + b) * 256 + c) * 256 + d ~= size - 5 then return end
  local answers = {}
  for index, field in ipairs(fields) do answers[index] = stated(text, field) end
  local metadata = handle:streamInfo():dynamicMetadata()
  for index, field in ipairs(fields) do
    if answers[index] ~= nil then metadata:set("${requestMetadata}", field.name, answers[index]) end
  end
end
`;
