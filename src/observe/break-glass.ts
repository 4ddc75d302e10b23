// Uses of break-glass identities, from the access log: reported once a minute for each identity and service, so that a busy one does not
// flood the audit log. Only for identities that documents name: a proxy cannot report a use by anybody else, and so cannot cause more
// records than there are such identities.
import type { Clock } from '../lib/clock.ts';
import { breakGlassPolicy } from '../policy/own-policies.ts';
import type { Call } from './traffic-count.ts';

const quietMs = 60_000;
const maxKept = 10_000;

export interface BreakGlassUse {
  readonly principal: string;
  readonly service: string;
  /** The proxy that admitted it. */
  readonly node: string;
}

export interface BreakGlassWatch {
  see(call: Call, node: string): void;
}

export interface BreakGlassDeps {
  readonly clock: Pick<Clock, 'now'>;
  /** Whether the Mesh names it now. */
  readonly names: (principal: string) => boolean;
  readonly report: (use: BreakGlassUse) => void;
}

/** `report` is called at most once a minute for each identity and service. */
export function createBreakGlassWatch({ clock, names, report }: BreakGlassDeps): BreakGlassWatch {
  const told = new Map<string, number>();
  return {
    see({ policy: by, principal, service }, node) {
      if (by !== breakGlassPolicy || principal === undefined || !names(principal)) return;
      const key = `${principal} ${service}`;
      const last = told.get(key);
      if (last !== undefined && clock.now() - last < quietMs) return;
      // Identities and services that documents no longer name are dropped with the others.
      const oldest = told.keys().next().value;
      if (told.size >= maxKept && oldest !== undefined) told.delete(oldest);
      told.delete(key);
      told.set(key, clock.now());
      report({ principal, service, node });
    },
  };
}
