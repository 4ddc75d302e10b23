// The gate before `permissive` → `strict`: reports everybody who would be cut off. Looks at the record of traffic, at what proxies have
// accepted, and for ways around the sidecar; returns every reason against the change, or none if it is safe.

import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import { formatHostPort } from '../lib/host-port.ts';
import { missingWords } from '../lib/missing-in-log.ts';
import { defaultPort } from '../lib/port-name.ts';
import type { Coverage } from '../observe/coverage.ts';
import type { FailedHandshakes, Handshakes } from '../observe/handshakes.ts';
import type { Traffic } from '../observe/traffic.ts';
import type { TrafficCount } from '../observe/traffic-count.ts';
import type { MeshIr, ServiceIr, ServiceKey } from '../policy/ir.ts';
import { type SimulatedCall, simulate } from '../policy/replay/simulate.ts';
import { portsOf } from '../registry/ports.ts';
import type { ProxyStatus } from '../registry/proxy-status.ts';
import { becomesStrict } from './becomes-strict.ts';
import { createCallerPatience } from './caller-patience.ts';
import { clientHalfMissing } from './client-half.ts';
import type { CutOverReason } from './cut-over-reason.ts';
import type { EndpointWatch } from './endpoint-watch.ts';
import { openEndpoints } from './open-endpoints.ts';
import type { ProbeApplication } from './probe-application.ts';

export interface CutOver {
  /** Services that the change makes strict. */
  services(before: MeshIr, after: MeshIr): readonly ServiceKey[];
  /** Why they should not be, by what happened within the last `windowMs`. */
  judge(before: MeshIr, after: MeshIr, windowMs: number): Promise<readonly CutOverReason[]>;
}

export interface CutOverDeps {
  readonly traffic: Pick<Traffic, 'counts' | 'lostUntil'>;
  readonly coverage: Pick<Coverage, 'of'>;
  /** Absent: not kept. */
  readonly handshakes?: Pick<Handshakes, 'failed'>;
  /** All, with what each has accepted, at whichever control plane it is. */
  readonly proxies: () => readonly ProxyStatus[] | Promise<readonly ProxyStatus[]>;
  readonly probe: ProbeApplication;
  /** Absent: endpoints that Services name themselves are not probed. */
  readonly endpoints?: Pick<EndpointWatch, 'of' | 'look'>;
  /** Reads what other control planes on the same store heard up to now; resolves with those that do not tell. Absent: there are none. */
  readonly refresh?: () => Promise<readonly string[]>;
  readonly clock: Clock;
}

export function createCutOver(deps: CutOverDeps): CutOver {
  const { traffic, coverage, handshakes, proxies, probe, endpoints, refresh = async () => [], clock } = deps;
  const patience = createCallerPatience(clock);
  const record = (service: string, since: number, seen: boolean): CutOverReason[] => {
    const reason = (who: string, why: string, lastSeen?: number): CutOverReason => {
      return { service, kind: 'record', who, why, ...defined({ lastSeen }) };
    };
    const known = coverage.of(service, since);
    // No proxy was ever in front of it: there is nothing to lose.
    if (known.since === undefined && !seen) return [];
    const reasons: CutOverReason[] = [];
    if (known.since === undefined || known.since > since) {
      reasons.push(reason(service, 'its calls are recorded only since this time', known.since));
    }
    for (const { name, since: first } of known.ports) {
      if (first <= Math.max(since, known.since ?? 0)) continue;
      const why = 'the calls of this port are recorded only since this time';
      reasons.push({ ...reason(service, why, first), port: name });
    }
    const lost = traffic.lostUntil(service);
    if (lost >= since) {
      reasons.push(reason(service, 'the record overflowed: calls before this time may be missing', lost));
    }
    for (const { node, from, to, missing } of known.gaps) {
      if (missing !== undefined) reasons.push(reason(node, missingWords({ from, to, ...missing }), to));
      else if (to === undefined) reasons.push(reason(node, 'not connected: what it sees is not known since', from));
      else reasons.push(reason(node, 'was not connected: what it saw is not known until', to));
    }
    return reasons;
  };

  return {
    services: becomesStrict,
    async judge(before, after, windowMs) {
      const since = clock.now() - windowMs;
      const strict = becomesStrict(before, after);
      if (strict.length === 0) return [];
      const [silent, all] = await Promise.all([refresh(), proxies()]);
      const own = new Set<string>(strict);
      const calls = traffic.counts(since).filter(({ service }) => own.has(service));
      const { newlyDenied, mayBeDenied } = simulate(before, after, calls);
      const reasons = [
        ...strict.flatMap((service) => silent.map((replica) => notTold(service, replica))),
        ...strict.flatMap((key) =>
          record(
            key,
            since,
            calls.some(({ service }) => service === key),
          ),
        ),
        ...newlyDenied.map((call) => wouldBeDenied(call, 'would be denied')),
        ...mayBeDenied.map((call) => wouldBeDenied(call, 'may be denied: the record does not tell')),
        ...(handshakes?.failed(since) ?? [])
          .filter(({ service, caller }) => caller && own.has(service))
          .map(couldNotCome),
        ...calls.flatMap(shadowed),
        ...strict.flatMap((key) => clientHalfMissing(key, before, after, all, patience)),
      ];
      const named = strict.flatMap((key) => after.services.get(key) ?? []);
      const looked = endpoints?.look(named);
      const reachable = await Promise.all(
        all.flatMap((proxy) =>
          proxy.service === undefined || !own.has(proxy.service) ? [] : [around(proxy, proxy.service, probe)],
        ),
      );
      await looked;
      const open = named.flatMap((service) => openEndpoints(service.key, endpoints?.of(service) ?? []));
      return [...reasons, ...reachable.flat(), ...open];
    },
  };
}

function notTold(service: ServiceKey, replica: string): CutOverReason {
  return { service, kind: 'record', who: replica, why: 'this control plane does not tell what it heard lately' };
}

function wouldBeDenied(call: SimulatedCall, why: string): CutOverReason {
  const { service, port, method, path, count, lastSeen } = call;
  const what = [method, path].filter((part) => part !== undefined).join(' ');
  return {
    service,
    ...(port === undefined ? {} : { port }),
    kind: 'caller',
    who: callerName(call),
    why: what === '' ? why : `${why}: ${what}`,
    count,
    lastSeen,
    ...provenNothing(call),
  };
}

/** Legacy certificates are verified; for other peers there is only an address. */
function provenNothing({ caller, peer }: Pick<SimulatedCall, 'caller' | 'peer'>): Pick<CutOverReason, 'address'> {
  return peer !== undefined && (caller === 'plaintext' || caller === 'one-way-tls') ? { address: peer } : {};
}

function couldNotCome({ service, port, address, why, count, lastSeen }: FailedHandshakes): CutOverReason {
  const what = `its TLS handshake failed: ${why}`;
  const place = { service, ...(port === undefined ? {} : { port }) };
  return { ...place, kind: 'handshake', who: address, why: what, count, lastSeen, address };
}

function shadowed(call: TrafficCount): CutOverReason[] {
  const { service, port, shadow, decision, count, lastSeen } = call;
  if (decision === 'denied' || shadow?.decision !== 'denied') return [];
  const why = `a shadow policy would deny it: ${shadow.policy ?? 'no allow rule matches'}`;
  const place = { service, ...(port === undefined ? {} : { port }) };
  return [{ ...place, kind: 'shadow', who: callerName(call), why, count, lastSeen, ...provenNothing(call) }];
}

const callerWords: Readonly<Record<SimulatedCall['caller'], string>> = {
  plaintext: 'plaintext',
  'one-way-tls': 'TLS without a certificate',
  legacy: 'legacy certificate',
  mtls: 'mTLS',
};

function callerName({ caller, principal, peer }: Pick<SimulatedCall, 'caller' | 'principal' | 'peer'>): string {
  if (principal !== undefined) return principal;
  return peer === undefined ? callerWords[caller] : `${callerWords[caller]}, ${peer}`;
}

async function around(
  proxy: ProxyStatus,
  service: ServiceIr['key'],
  probe: ProbeApplication,
): Promise<readonly CutOverReason[]> {
  const each = await Promise.all(
    portsOf(proxy).map(async (port): Promise<CutOverReason[]> => {
      const found = await probe(port);
      if (found === undefined) return [];
      const at = formatHostPort(found);
      const why = `the application answers beside its sidecar (${proxy.node})`;
      return [{ service, ...portField(port.name), kind: 'application', who: at, why }];
    }),
  );
  return each.flat();
}

function portField(name: string): Pick<CutOverReason, 'port'> {
  return name === defaultPort ? {} : { port: name };
}
