// Reasons of the gate: endpoints that Services name themselves and at which none of their proxies answers. Pure.

import { defined } from '../lib/defined.ts';
import { formatHostPort } from '../lib/host-port.ts';
import type { ServiceKey } from '../policy/ir.ts';
import type { CutOverReason } from './cut-over-reason.ts';
import type { SeenEndpoint } from './endpoint-watch.ts';
import { endpointWords } from './endpoint-words.ts';

/** Warnings, where a probe from here can determine nothing. */
export function openEndpoints(service: ServiceKey, endpoints: readonly SeenEndpoint[]): readonly CutOverReason[] {
  return endpoints.flatMap(({ of, address, port, answer, never, at }): CutOverReason[] => {
    const who = formatHostPort({ address, port });
    const name = of.startsWith(`${service}:`) ? { port: of.slice(service.length + 1) } : {};
    const reason = { service, ...name, kind: 'endpoint', who, ...defined({ lastSeen: at }) } as const;
    // What cannot be determined from here is only reported: nobody could do anything about it.
    if (never !== undefined) return [{ ...reason, why: `never looked at: the address ${never}`, warning: true }];
    if (answer === undefined) return [{ ...reason, why: 'not looked at yet: ask again in a moment' }];
    const { what, toDo, permissive } = endpointWords[answer];
    if (permissive === 'fine') return [];
    const why = `answers: ${what}; ${toDo}`;
    return [permissive === 'unknown' ? { ...reason, why, warning: true } : { ...reason, why }];
  });
}
