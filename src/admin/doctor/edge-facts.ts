// What answered at the endpoints that a service names itself, and what is on record of calls on one edge.
import { endpointWords } from '../../cutover/endpoint-words.ts';
import type { EndpointFact, TrafficFacts } from '../../doctor/facts.ts';
import { defined } from '../../lib/defined.ts';
import type { Edge } from '../../observe/refusals.ts';
import type { PortIr, ServiceIr } from '../../policy/ir.ts';
import type { AdminDeps } from '../deps.ts';

export function endpointFacts(
  { endpoints }: Pick<AdminDeps, 'endpoints'>,
  service: ServiceIr | undefined,
  port: PortIr,
): readonly EndpointFact[] {
  if (service === undefined) return [];
  return (endpoints?.(service) ?? [])
    .filter(({ of }) => of === port.id)
    .map(({ address, port: at, answer, never }) => {
      if (answer !== undefined) {
        const { what, toDo, [port.mtls.mode]: state } = endpointWords[answer];
        return { address, port: at, answer, state, what, toDo };
      }
      const what = never === undefined ? 'not looked at yet' : `never looked at: the address ${never}`;
      return { address, port: at, state: 'unknown' as const, what, toDo: '-' };
    });
}

export function trafficFacts({ traffic }: Pick<AdminDeps, 'traffic'>, { service, port, caller }: Edge): TrafficFacts {
  const own = traffic().filter(
    (one) => one.service === service && one.port === port && (one.principal ?? one.caller) === caller,
  );
  const last = (decision: string): number | undefined =>
    own.reduce<number | undefined>(
      (latest, one) => (one.decision === decision ? Math.max(latest ?? 0, one.lastSeen) : latest),
      undefined,
    );
  return defined({ allowedAt: last('allowed'), failedAt: last('failed'), deniedAt: last('denied') });
}
