// Under which intermediates the certificates were that callers showed lately, as the logs of proxies say: a certificate that nobody
// remembers having issued is seen when it is used.

import { clip } from '../lib/clip.ts';
import type { Clock } from '../lib/clock.ts';
import type { Call } from './traffic-count.ts';

export interface SeenCaller {
  /** The issuer's common name. */
  readonly issuer: string;
  readonly principal: string;
  readonly service: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

export interface SeenIssuers {
  see(call: Call): void;
  /** Those of the last while, the latest last. */
  list(): readonly SeenCaller[];
}

/** Longer than anybody waits until nothing is seen. */
const keepMs = 7 * 86_400_000;
const maxKept = 20_000;
const maxName = 128;

export function createSeenIssuers({ clock }: { readonly clock: Pick<Clock, 'now'> }): SeenIssuers {
  /** In the order in which they were seen last. */
  const seen = new Map<string, SeenCaller>();
  return {
    see({ issuer: name, principal, service }) {
      if (name === undefined || principal === undefined) return;
      const issuer = clip(commonNameOf(name), maxName);
      const key = `${issuer} ${principal} ${service}`;
      const oldest = seen.keys().next().value;
      if (!seen.delete(key) && seen.size >= maxKept && oldest !== undefined) seen.delete(oldest);
      seen.set(key, { issuer, principal, service, at: clock.now() });
    },
    list() {
      const since = clock.now() - keepMs;
      for (const [key, { at }] of seen) {
        if (at >= since) break;
        seen.delete(key);
      }
      return [...seen.values()];
    },
  };
}

/** Of a name as Envoy writes it (RFC 2253). */
function commonNameOf(name: string): string {
  return /(?:^|,)CN=([^,]*)/.exec(name)?.[1] ?? name;
}
