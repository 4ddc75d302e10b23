// The Lua that runs inside Redis, where it is atomic. Constants, so that they survive bundling.
// KEYS: 1 epoch (a string), 2 meta (a hash: revision, digest: the seal, author, time, urgent, previous: the seal before; written: with that
// revision, when by Redis' clock, and as a part of which trace), 3 documents (a
// hash: key → YAML, which people may edit), 4 accepted (the same as it is in force, sealed).

/** `time`, in microseconds; empty where an ACL of an earlier version does not allow to ask. */
const timeOfRedis = `
local now = redis.pcall('TIME')
local time = now.err and '' or now[1] .. string.format('%06d', now[2])`;

/**
 * KEYS: a key of ours, since a Cluster asks the node that has it. ARGV: 1 cursor, 2 pattern, 3 a limit in bytes. Returns the next cursor,
 * and the names that are not longer.
 */
export const scanScript = `
local reply = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', 1000)
local names = {}
for _, name in ipairs(reply[2]) do
  if #name <= tonumber(ARGV[3]) then names[#names + 1] = name end
end
return {reply[1], names}
`;

/** KEYS: a key of ours, as above. */
export const statsScript = `return redis.call('INFO', 'stats')`;

/** KEYS: any. ARGV: 1 a limit in bytes. Returns the text of each; nothing for what is not text, or longer. */
export const textsScript = `
local texts = {}
for index, key in ipairs(KEYS) do
  local text = ''
  if redis.call('TYPE', key).ok == 'string' and redis.call('STRLEN', key) <= tonumber(ARGV[1]) then
    text = redis.call('GET', key) or ''
  end
  texts[index] = text
end
return texts
`;

/**
 * ARGV: 1 the fingerprint as last seen, 2 and 3 how many documents and bytes there may be, 4 `epoch/revision/seal` of the accepted state
 * that is known already: it is not sent again. Answers `same`, `too-large`, or the fingerprint, the accepted state, and how the
 * documents differ from it, and `written` (above) with the time of Redis now, in microseconds. The fingerprint is of the documents and the
 * revision, not of the accepted texts, which are sealed.
 */
export const readScript = `
local epoch = redis.call('GET', KEYS[1]) or ''
local meta = redis.call('HMGET', KEYS[2], 'revision', 'digest', 'urgent', 'previous', 'written')
local revision, seal = meta[1] or '0', meta[2] or ''
if #epoch > 1000 or #revision > 1000 or #seal > 1000 or #(meta[4] or '') + #(meta[5] or '') > 1000 then return {'too-large'} end
local bytes = 0
for _, hash in ipairs({KEYS[3], KEYS[4]}) do
  if redis.call('HLEN', hash) > tonumber(ARGV[2]) then return {'too-large'} end
  bytes = 0
  for _, key in ipairs(redis.call('HKEYS', hash)) do
    bytes = bytes + #key + redis.call('HSTRLEN', hash, key)
    if bytes > tonumber(ARGV[3]) then return {'too-large'} end
  end
end
local keys = redis.call('HKEYS', KEYS[3])
table.sort(keys)
local parts = {epoch, revision, seal, tostring(redis.call('HLEN', KEYS[4]))}
for _, key in ipairs(keys) do
  parts[#parts + 1] = redis.sha1hex(redis.call('HGET', KEYS[3], key)) .. #key .. key
end
local fingerprint = redis.sha1hex(table.concat(parts, '/'))
if fingerprint == ARGV[1] then return {'same'} end
local edited, removed = {}, {}
for _, key in ipairs(keys) do
  local text = redis.call('HGET', KEYS[3], key)
  if redis.call('HGET', KEYS[4], key) ~= text then
    edited[#edited + 1] = key
    edited[#edited + 1] = text
  end
end
for _, key in ipairs(redis.call('HKEYS', KEYS[4])) do
  if not redis.call('HGET', KEYS[3], key) then removed[#removed + 1] = key end
end
local accepted = false
if ARGV[4] ~= epoch .. '/' .. revision .. '/' .. seal then accepted = redis.call('HGETALL', KEYS[4]) end
${timeOfRedis}
local state = {'state', fingerprint, epoch, revision, seal, meta[3] or '0', meta[4] or '', accepted, edited, removed}
state[11], state[12] = meta[5] or '', time
return state
`;

/**
 * ARGV: 1 epoch and 2 revision that must still hold, 3 epoch, 4 revision, 5 digest, 6 author, 7 time, 8 urgent (0 or 1), 9 the seal
 * before it, 10 channel, 11 what is written anew (nothing, accepted, all), 12 the trace, 13 number of puts, then key, text and whether the
 * document is written as well (0 or 1) of each, then key and whether of each to delete. All reads come before the first write: a key of
 * the wrong type refuses the whole. Answers with the keys whose documents somebody had edited and which were written over.
 */
export const applyScript = `
local epoch = redis.call('GET', KEYS[1]) or ''
local revision = redis.call('HGET', KEYS[2], 'revision') or '0'
redis.call('HLEN', KEYS[3])
redis.call('HLEN', KEYS[4])
if epoch ~= ARGV[1] or revision ~= ARGV[2] then return {'conflict'} end
local over = {}
local function edited(key, text)
  local there, before = redis.call('HGET', KEYS[3], key), redis.call('HGET', KEYS[4], key)
  if there ~= before and there ~= text and ARGV[11] == 'nothing' then over[#over + 1] = key end
end
local puts = tonumber(ARGV[13])
local deletes = 14 + 3 * puts
for index = 14, deletes - 1, 3 do
  if ARGV[index + 2] == '1' then edited(ARGV[index], ARGV[index + 1]) end
end
for index = deletes, #ARGV, 2 do
  if ARGV[index + 1] == '1' then edited(ARGV[index], false) end
end
if ARGV[11] ~= 'nothing' then redis.call('DEL', KEYS[4]) end
if ARGV[11] == 'all' then redis.call('DEL', KEYS[3]) end
for index = 14, deletes - 1, 3 do
  redis.call('HSET', KEYS[4], ARGV[index], ARGV[index + 1])
  if ARGV[index + 2] == '1' then redis.call('HSET', KEYS[3], ARGV[index], ARGV[index + 1]) end
end
for index = deletes, #ARGV, 2 do
  redis.call('HDEL', KEYS[4], ARGV[index])
  if ARGV[index + 1] == '1' then redis.call('HDEL', KEYS[3], ARGV[index]) end
end
redis.call('SET', KEYS[1], ARGV[3])
redis.call('HSET', KEYS[2], 'revision', ARGV[4], 'digest', ARGV[5], 'author', ARGV[6], 'time', ARGV[7])
redis.call('HSET', KEYS[2], 'urgent', ARGV[8], 'previous', ARGV[9])
${timeOfRedis}
redis.call('HSET', KEYS[2], 'written', ARGV[4] .. ' ' .. time .. ' ' .. ARGV[12])
redis.call('PUBLISH', ARGV[10], ARGV[4])
return {'applied', over}
`;

/**
 * What is in force is written in the place of edits, unless these have changed. KEYS as above. ARGV: 1 channel, then of each: key,
 * whether it stood there (0 or 1), the text that did, whether there is one in force, that text. Answers with the keys that were changed
 * since: then nothing was written.
 */
export const restoreScript = `
local changed = {}
for index = 2, #ARGV, 5 do
  local there = redis.call('HGET', KEYS[3], ARGV[index])
  local seen = ARGV[index + 1] == '1' and ARGV[index + 2]
  if there ~= seen then changed[#changed + 1] = ARGV[index] end
end
if #changed > 0 then return {'changed', changed} end
for index = 2, #ARGV, 5 do
  if ARGV[index + 3] == '1' then redis.call('HSET', KEYS[3], ARGV[index], ARGV[index + 4])
  else redis.call('HDEL', KEYS[3], ARGV[index]) end
end
redis.call('PUBLISH', ARGV[1], 'restored')
return {'restored'}
`;
