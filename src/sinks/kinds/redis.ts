// Records in a Redis stream, one for each audit log. An entry's id is the number of its record, so that what is sent again is not there
// twice.
import { readFileSync } from 'node:fs';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import { Redacted } from '../../lib/redacted.ts';
import { type RedisConnection, serverAt } from '../../store/redis/connection.ts';
import { createRedisLink } from '../../store/redis/link.ts';
import type { AuditSink, SinkDeps } from '../sink.ts';
import type { SinkOptionsOf } from '../sinks-file.ts';

const commandTimeoutMs = 5000;

/**
 * KEYS: 1 the stream. ARGV: 1 how many are kept, then number, hash and text of each record. One whose number is taken by another record
 * (the log had lost its end) gets an id of Redis's own.
 */
const addScript = `
local function add(id, index)
  local fields = {'number', ARGV[index], 'hash', ARGV[index + 1], 'record', ARGV[index + 2]}
  local reply = redis.pcall('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], id, unpack(fields))
  return type(reply) == 'table' and reply or {ok = reply}
end
local function has(id, hash)
  local found = redis.call('XRANGE', KEYS[1], id, id)[1]
  if not found then return false end
  for field = 1, #found[2], 2 do
    if found[2][field] == 'hash' then return found[2][field + 1] == hash end
  end
  return false
end
for index = 2, #ARGV, 3 do
  local id = ARGV[index] .. '-0'
  local reply = add(id, index)
  if reply.err and string.find(reply.err, 'equal or smaller', 1, true) then
    reply = has(id, ARGV[index + 1]) and {ok = 'there'} or add('*', index)
  end
  if reply.err then return reply end
end
return 'OK'
`;

/** Throws `invalid_argument` for an address that is none. */
export function createRedisSink(
  { urlFile, stream, maxLength }: SinkOptionsOf<'redis'>,
  { id, log }: SinkDeps,
): AuditSink {
  const link = createRedisLink({ connection: addressIn(urlFile), log, commandTimeoutMs });
  return {
    async send(records) {
      const all = records.flatMap(({ record, line }) => [String(record.number), record.hash, line]);
      await link.script(addScript, [`${stream}:${id}`], [String(maxLength), ...all]);
    },
    close: link.close,
  };
}

/** No error quotes the address, which may contain a password. */
function addressIn(file: string): RedisConnection {
  try {
    return serverAt(new Redacted(readFileSync(file, 'utf8').trim()));
  } catch (cause) {
    const { message, hint } = CellwallError.from(cause);
    throw new CellwallError('invalid_argument', `--audit-sinks: ${file}: ${message}`, { cause, ...defined({ hint }) });
  }
}
