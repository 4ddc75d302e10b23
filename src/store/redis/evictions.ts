// Whether Redis evicts keys, which it must not: what is gone is looked for at once, and the operator is told what to set.
import type { Log } from '../../lib/log.ts';
import type { RedisLink } from './link.ts';
import { statsScript } from './scripts.ts';

/** Answers whether keys were evicted since the last call. Who may not ask for it (an ACL without INFO) learns of no eviction. */
export function createEvictionWatch(link: RedisLink, prefix: string, log: Log): () => Promise<boolean> {
  let before: number | undefined;
  return async () => {
    const text = await link.script(statsScript, [`${prefix}:epoch`], []).catch(() => '');
    const found = /^evicted_keys:(\d+)/m.exec(String(text))?.[1];
    if (found === undefined) return false;
    const now = Number(found);
    const more = before !== undefined && now !== before && now > 0;
    before = now;
    if (more)
      log.warn({ evicted: now }, 'Redis evicts keys: set its maxmemory-policy to noeviction, and raise maxmemory');
    return more;
  };
}
