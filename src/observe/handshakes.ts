// TLS handshakes that failed in front of a service: who, why, how often, when last; also what others, or its own application towards a
// dependency, sent that is not HTTP. Bounded for each service: callers can choose addresses.
import type { AccessLogCommon } from '#gen/envoy/data/accesslog/v3/accesslog_pb.js';
import { clip } from '../lib/clip.ts';
import type { Clock } from '../lib/clock.ts';
import type { Json, Table } from '../lib/table.ts';
import { type HandshakeFault, handshakeFault } from './handshake-fault.ts';

/** Where they arrived. */
export interface HandshakePlace {
  readonly service: string;
  /** On a named port. */
  readonly port?: string;
}

export interface FailedHandshakes extends HandshakePlace {
  /** Where they came from. */
  readonly address: string;
  readonly why: string;
  /** By somebody who tried to call. */
  readonly caller: boolean;
  readonly count: number;
  /** Epoch milliseconds. */
  readonly lastSeen: number;
}

export interface Handshakes {
  record(place: HandshakePlace, common: AccessLogCommon | undefined): void;
  /** What arrived in plaintext was not a request. */
  noHttp(place: HandshakePlace, common: AccessLogCommon | undefined): void;
  /**
   * What the service's own application sent to the port of `target`, whose protocol is HTTP, was not a request: its sidecar closed the
   * connection.
   */
  notHttp(place: HandshakePlace, target: string, common: AccessLogCommon | undefined): void;
  failed(since?: number): readonly FailedHandshakes[];
  /** Reads what was kept. Call once, first. */
  restore(): Promise<void>;
  /** Writes what changed. */
  flush(): Promise<void>;
}

export interface HandshakesDeps {
  readonly clock: Clock;
  readonly table: Table;
  /** Maximum kept for one service; the one not seen for longest is dropped. Default 200. */
  readonly maxOfService?: number;
}

const maxServices = 2000;
const keptMs = 31 * 86_400_000;

export function createHandshakes({ clock, table, maxOfService = 200 }: HandshakesDeps): Handshakes {
  // In order of last sight, of services and of what is kept for each.
  const services = new Map<string, Map<string, FailedHandshakes>>();
  const changed = new Set<string>();

  const keep = (one: FailedHandshakes): void => {
    const own = services.get(one.service) ?? new Map<string, FailedHandshakes>();
    const key = keyOf(one);
    own.delete(key);
    own.set(key, one);
    if (own.size > maxOfService) own.delete(firstOf(own));
    services.delete(one.service);
    services.set(one.service, own);
    if (services.size > maxServices) forget(firstOf(services));
  };
  const forget = (service: string): void => {
    services.delete(service);
    changed.add(service);
  };
  const add = ({ service, port }: HandshakePlace, fault: HandshakeFault, common: AccessLogCommon | undefined): void => {
    const one = { service, ...(port === undefined ? {} : { port }), address: addressOf(common), ...fault };
    const before = services.get(service)?.get(keyOf(one));
    keep({ ...one, count: (before?.count ?? 0) + 1, lastSeen: clock.now() });
    changed.add(service);
  };
  return {
    record(place, common) {
      // No chain accepted it.
      const fault =
        common?.responseFlags?.noRouteFound === true
          ? noHttp
          : handshakeFault(common?.downstreamTransportFailureReason ?? '');
      if (fault !== undefined) add(place, fault, common);
    },
    noHttp: (place, common) => add(place, noHttp, common),
    notHttp(place, target, common) {
      const why = `its own application: what it sent to the port of ${target} is no HTTP ("protocol: tcp" carries it)`;
      add(place, { why, caller: false }, common);
    },
    failed: (since = 0) =>
      [...services.values()].flatMap((own) => [...own.values()].filter(({ lastSeen }) => lastSeen >= since)),
    async restore() {
      // One service at a time, and no more than are kept: the table may have outgrown the limit.
      for await (const { key, value } of table.entries()) {
        if (services.size >= maxServices) break;
        const own = readList(key, value).toSorted((a, b) => a.lastSeen - b.lastSeen);
        for (const one of own.slice(-maxOfService)) keep(one);
      }
      const last = (own: ReadonlyMap<string, FailedHandshakes>): number => [...own.values()].at(-1)?.lastSeen ?? 0;
      const inOrder = [...services].toSorted(([, a], [, b]) => last(a) - last(b));
      services.clear();
      for (const [service, own] of inOrder) services.set(service, own);
    },
    async flush() {
      const old = clock.now() - keptMs;
      for (const [service, own] of services) {
        for (const [key, { lastSeen }] of own) {
          if (lastSeen >= old) continue;
          own.delete(key);
          changed.add(service);
        }
        if (own.size === 0) forget(service);
      }
      for (const service of [...changed]) {
        changed.delete(service);
        const own = services.get(service);
        if (own === undefined) await table.delete(service);
        else await table.set(service, [...own.values()].map(toJson));
      }
    },
  };
}

/** Whoever connects like this is served by nobody here, permissive or strict. */
const noHttp: HandshakeFault = {
  why: 'neither a valid request of HTTP nor TLS ("protocol: tcp" carries other protocols)',
  caller: false,
};

/** An IP address, and nothing that only claims to be one: it comes from a proxy, and goes to terminals. */
function addressOf(common: AccessLogCommon | undefined): string {
  const at = common?.downstreamDirectRemoteAddress ?? common?.downstreamRemoteAddress;
  const text = at?.address.case === 'socketAddress' ? clip(at.address.value.address, 64) : '';
  return /^[0-9A-Fa-f.:%a-z]+$/.test(text) ? text : 'an unknown address';
}

function keyOf({ port = '', address, why }: Pick<FailedHandshakes, 'port' | 'address' | 'why'>): string {
  return `${port} ${address} ${why}`;
}

function firstOf(map: ReadonlyMap<string, unknown>): string {
  const [first = ''] = map.keys();
  return first;
}

function toJson({ port, address, why, caller, count, lastSeen }: FailedHandshakes): Json {
  return [address, why, caller, count, lastSeen, ...(port === undefined ? [] : [port])];
}

/** Only what this version wrote. */
export function readList(service: string, value: Json): readonly FailedHandshakes[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((one: unknown): FailedHandshakes[] => {
    const [address, why, caller, count, lastSeen, port]: readonly unknown[] = Array.isArray(one) ? one : [];
    return typeof address === 'string' &&
      typeof why === 'string' &&
      typeof caller === 'boolean' &&
      typeof count === 'number' &&
      typeof lastSeen === 'number'
      ? [{ service, ...(typeof port === 'string' ? { port } : {}), address, why, caller, count, lastSeen }]
      : [];
  });
}
