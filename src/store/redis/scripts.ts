// The Lua that runs inside Redis, where it is atomic. Constants, so that they survive bundling.
// KEYS: 1 epoch (a string), 2 meta (a hash: revision, digest: the seal, author, time, urgent), 3 documents (a hash: key → YAML).

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
 * ARGV: 1 `epoch/revision/count` as last seen, 2 and 3 how many documents and bytes there may be. Answers `same`, `too-large`, or
 * everything.
 */
export const readScript = `
local epoch = redis.call('GET', KEYS[1]) or ''
local meta = redis.call('HMGET', KEYS[2], 'revision', 'digest', 'urgent')
local revision = meta[1] or '0'
local count = redis.call('HLEN', KEYS[3])
if ARGV[1] == epoch .. '/' .. revision .. '/' .. count then return {'same'} end
if count > tonumber(ARGV[2]) or #epoch > 1000 or #revision > 1000 then return {'too-large'} end
local bytes = 0
for _, key in ipairs(redis.call('HKEYS', KEYS[3])) do
  bytes = bytes + #key + redis.call('HSTRLEN', KEYS[3], key)
  if bytes > tonumber(ARGV[3]) then return {'too-large'} end
end
return {'state', epoch, revision, meta[2] or '', meta[3] or '0', redis.call('HGETALL', KEYS[3])}
`;

/**
 * ARGV: 1 epoch and 2 revision that must still hold, 3 epoch, 4 revision, 5 digest, 6 author, 7 time, 8 urgent (0 or 1) to
 * write, 9 rewrite everything (0 or 1), 10 channel, 11 number of puts, then key and text of each, then the keys to delete.
 * All reads come before the first write: a key of the wrong type refuses the whole.
 */
export const applyScript = `
local epoch = redis.call('GET', KEYS[1]) or ''
local revision = redis.call('HGET', KEYS[2], 'revision') or '0'
redis.call('HLEN', KEYS[3])
if epoch ~= ARGV[1] or revision ~= ARGV[2] then return {'conflict'} end
if ARGV[9] == '1' then redis.call('DEL', KEYS[3]) end
local puts = tonumber(ARGV[11])
for index = 0, puts - 1 do
  redis.call('HSET', KEYS[3], ARGV[12 + 2 * index], ARGV[13 + 2 * index])
end
for index = 12 + 2 * puts, #ARGV do redis.call('HDEL', KEYS[3], ARGV[index]) end
redis.call('SET', KEYS[1], ARGV[3])
redis.call('HSET', KEYS[2], 'revision', ARGV[4], 'digest', ARGV[5], 'author', ARGV[6], 'time', ARGV[7], 'urgent', ARGV[8])
redis.call('PUBLISH', ARGV[10], ARGV[4])
return {'applied'}
`;
