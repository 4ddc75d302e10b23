// What Redis's errors mean to operators. Only messages are used: the error objects contain commands and their arguments.
import { CellwallError } from '../../lib/errors.ts';

/** Redis answers, and what stands there is none of ours: that is no outage. */
const wrongType = 'a key of ours in Redis is of another type';
export const tooLarge = 'Redis holds more than all documents may be';

export function isUnreadable({ message }: CellwallError): boolean {
  return message === wrongType || message === tooLarge;
}

const meanings: readonly { readonly pattern: RegExp; readonly message: string; readonly hint: string }[] = [
  { pattern: /^READONLY/, message: 'Redis is a read-only replica', hint: 'point the address at the primary' },
  { pattern: /^LOADING/, message: 'Redis is loading its data', hint: 'wait until it is done' },
  { pattern: /^(MASTERDOWN|CLUSTERDOWN|TRYAGAIN)/, message: 'Redis has no primary now', hint: 'wait for the failover' },
  { pattern: /^OOM/, message: 'Redis is out of memory', hint: 'raise maxmemory; eviction must be off (noeviction)' },
  { pattern: /^NOREPLICAS/, message: 'Redis takes no writes: too few replicas', hint: 'look at min-replicas-to-write' },
  { pattern: /^MISCONF/, message: 'Redis cannot save to its disk', hint: 'look at its log: is the disk full?' },
  {
    pattern: /^(NOAUTH|WRONGPASS|NOPERM)/,
    message: 'Redis refuses our credentials',
    hint: 'check user, password and ACL',
  },
  { pattern: /^ERR AUTH/, message: 'Redis refuses our credentials', hint: 'check user, password and ACL' },
  {
    pattern: /^WRONGTYPE/,
    message: wrongType,
    hint: 'something else writes under this prefix',
  },
  { pattern: /^BUSY/, message: 'Redis is busy with a script', hint: 'try again' },
  {
    pattern: /timed out/i,
    message: 'Redis does not answer in time',
    hint: 'the change may have been made: apply it again, that is safe',
  },
];

/** Always `unavailable`, with the reason and what to do. */
export function redisError(reason: unknown): CellwallError {
  if (reason instanceof CellwallError) return reason;
  const text = reason instanceof Error ? reason.message : String(reason);
  for (const { pattern, message, hint } of meanings) {
    if (pattern.test(text)) return new CellwallError('unavailable', message, { hint });
  }
  return new CellwallError('unavailable', `Redis is not available: ${text}`, {
    hint: 'is it running, and its address right?',
  });
}
