// Which caller was given which token of a service, from the access log: told at the first call, and then once an hour with the number of
// calls since. Only what documents grant: a proxy can report nothing else, and not without end.
import { createBudget } from '../lib/budget.ts';
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import type { Call } from './traffic-count.ts';

export interface GrantedTokenUse {
  readonly principal: string;
  readonly service: string;
  /** The name of the token in the document of the service. */
  readonly secret: string;
  /** The proxy that set it. */
  readonly node: string;
  /** Since it was told last, this one included. */
  readonly calls: number;
}

export interface GrantedTokens {
  see(call: Call, node: string, count: number): void;
}

export interface GrantedTokensDeps {
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  /** Whether a document grants it. */
  readonly grants: (use: Pick<GrantedTokenUse, 'principal' | 'service' | 'secret'> & Pick<Call, 'port'>) => boolean;
  readonly report: (use: GrantedTokenUse) => void;
}

const quietMs = 3_600_000;
const mostKept = 20_000;
/** Of one proxy: callers that a grant names by a prefix are as many as whoever runs it likes to report. */
const ofProxy = { burst: 300, everyMs: 5000 };

/** What it does not tell is in the record of traffic all the same. */
export function createGrantedTokens({ clock, grants, report }: GrantedTokensDeps): GrantedTokens {
  const told = new Map<string, { readonly at: number; calls: number }>();
  const budget = createBudget({ clock, ...ofProxy });
  return {
    see({ credential: secret, principal, service, port }, node, count) {
      if (secret === undefined || principal === undefined) return;
      const key = `${principal} ${service} ${secret}`;
      const last = told.get(key);
      if (last !== undefined && clock.now() - last.at < quietMs) {
        last.calls += count;
        return;
      }
      if (!grants({ principal, service, secret, ...defined({ port }) }) || budget.spend(node) > 0) return;
      // Callers that are gone are dropped with the others.
      const oldest = told.keys().next().value;
      if (told.size >= mostKept && oldest !== undefined) told.delete(oldest);
      told.delete(key);
      told.set(key, { at: clock.now(), calls: 0 });
      report({ principal, service, secret, node, calls: (last?.calls ?? 0) + count });
    },
  };
}
