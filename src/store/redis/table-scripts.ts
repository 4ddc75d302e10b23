// The Lua that writes entries of tables. Every write counts one up, is noted in a short log (a stream), and is published: so watchers miss
// nothing, and need one small read to know that there was nothing. Whatever others left under these keys ends with the next write: it can
// stop nothing that comes after it.

/**
 * KEYS: 1 the entry, 2 the count (a hash: epoch, count), 3 the log, 4 the lease that must be held (the entry, if none).
 * ARGV: 1 `set`, `delete`, `claim` or `swap`, 2 the text, 3 its life in milliseconds or '', 4 for `swap` the text that must be there
 * ('' for none), 5 the lease's token or '', 6 the channel, 7 table and key, 8 an epoch, should there be none, 9 a limit in bytes for what
 * is answered. Answers `fenced`, `there` with what is there, or `written`. A count that is not ours begins anew, as in an empty Redis.
 */
export const writeEntryScript = `
if ARGV[5] ~= '' and redis.pcall('GET', KEYS[4]) ~= ARGV[5] then return {'fenced'} end
local kind = redis.call('TYPE', KEYS[1]).ok
if ARGV[1] == 'claim' or ARGV[1] == 'swap' then
  local there = ''
  if kind == 'string' and redis.call('STRLEN', KEYS[1]) <= tonumber(ARGV[9]) then there = redis.call('GET', KEYS[1]) end
  local free = kind == 'none'
  if ARGV[1] == 'swap' and kind == 'none' then free = ARGV[4] == '' end
  if ARGV[1] == 'swap' and kind ~= 'none' then free = ARGV[4] ~= '' and there == ARGV[4] end
  if not free then return {'there', there} end
end
local function isOurs()
  if redis.call('TYPE', KEYS[2]).ok ~= 'hash' or redis.call('HSTRLEN', KEYS[2], 'epoch') > 100 then return false end
  local size = redis.call('HSTRLEN', KEYS[2], 'count')
  return size > 0 and size <= 15 and string.find(redis.call('HGET', KEYS[2], 'count'), '^%d+$') ~= nil
end
if not isOurs() then redis.call('DEL', KEYS[2]) end
if redis.call('HSETNX', KEYS[2], 'epoch', ARGV[8]) == 1 then redis.call('DEL', KEYS[3]) end
local count = redis.call('HINCRBY', KEYS[2], 'count', 1)
local function note() return redis.pcall('XADD', KEYS[3], 'MAXLEN', '~', 10000, '*', 'n', count, 'k', ARGV[7]) end
local noted = note()
if type(noted) == 'table' and noted.err then
  redis.call('DEL', KEYS[3])
  note()
end
if ARGV[2] == '' then redis.call('DEL', KEYS[1])
elseif ARGV[3] == '' then redis.call('SET', KEYS[1], ARGV[2])
else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
redis.call('PUBLISH', ARGV[6], 'table')
return {'written'}
`;

/**
 * KEYS: 1 the count, 2 the log. ARGV: 1 epoch and 2 count as last seen, 3 how many changes may be answered, 4 a limit in bytes for each.
 * Answers epoch, count, and the changes since, or `all` if they are too many, or not known.
 */
export const changesScript = `
local epoch = ''
if redis.call('HSTRLEN', KEYS[1], 'epoch') <= 100 then epoch = redis.call('HGET', KEYS[1], 'epoch') or '' end
local count = tonumber(redis.call('HGET', KEYS[1], 'count') or '0') or 0
local last = tonumber(ARGV[2])
if epoch == ARGV[1] and count == last then return {epoch, count} end
local missing = count - last
if epoch ~= ARGV[1] or missing < 0 or missing > tonumber(ARGV[3]) then return {epoch, count, 'all'} end
local answer = {epoch, count}
local entries = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', missing)
if #entries < missing then return {epoch, count, 'all'} end
for index, entry in ipairs(entries) do
  local fields = entry[2]
  if fields[1] ~= 'n' or tonumber(fields[2]) ~= count - index + 1 then return {epoch, count, 'all'} end
  if #(fields[4] or '') > tonumber(ARGV[4]) then return {epoch, count, 'all'} end
  answer[#answer + 1] = fields[4]
end
return answer
`;

/**
 * KEYS: 1 the lease, 2 how many there were. ARGV: 1 its life in milliseconds, 2 something random. Answers its token, or '' if it is held:
 * for that long from now at most, whoever wrote it.
 */
export const acquireScript = `
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1], 'LT')
  return ''
end
local number = redis.pcall('INCR', KEYS[2])
if type(number) == 'table' then
  redis.call('DEL', KEYS[2])
  number = redis.call('INCR', KEYS[2])
end
local token = number .. ' ' .. ARGV[2]
redis.call('SET', KEYS[1], token, 'PX', ARGV[1])
return token
`;

/** KEYS: 1 the lease. ARGV: 1 its token, 2 its life in milliseconds; 0 ends it. Answers 1 if it was held. */
export const renewScript = `
if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then redis.call('DEL', KEYS[1]) else redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1
`;
