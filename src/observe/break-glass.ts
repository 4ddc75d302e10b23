// Uses of break-glass identities, from the access log: told once a minute for each identity and service, so that a busy one does
// not drown the audit log.
import type { Clock } from '../lib/clock.ts';
import type { Call } from './traffic.ts';

/** The policy's name on the proxy (translate/filters/authz-allow.ts). */
const policy = '!cellwall/break-glass';
const quietMs = 60_000;
const maxKept = 1000;

export interface BreakGlassUse {
  readonly principal: string;
  readonly service: string;
  /** The proxy that let it pass. */
  readonly node: string;
}

export interface BreakGlassWatch {
  see(call: Call, node: string): void;
}

export function createBreakGlassWatch(clock: Clock, report: (use: BreakGlassUse) => void): BreakGlassWatch {
  const told = new Map<string, number>();
  return {
    see({ policy: by, principal, service }, node) {
      if (by !== policy || principal === undefined) return;
      const key = `${principal} ${service}`;
      const last = told.get(key);
      if (last !== undefined && clock.now() - last < quietMs) return;
      if (told.size >= maxKept) told.clear();
      told.set(key, clock.now());
      report({ principal, service, node });
    },
  };
}
