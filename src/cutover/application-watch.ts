// Whether applications can be reached around their sidecars, looked at all the time and not by the gate alone: each about twice a minute,
// by a connection over which nothing is sent (probe-application.ts). A few at the same time, never two to one application.
import type { Clock } from '../lib/clock.ts';
import { formatHostPort, type IpPort } from '../lib/host-port.ts';
import type { Log } from '../lib/log.ts';
import { isLoopback } from '../lib/loopback.ts';
import type { MeshIr } from '../policy/ir.ts';
import { type PortPlace, portsOf } from '../registry/ports.ts';
import type { ProxyStatus } from '../registry/proxy-status.ts';
import type { RegisteredProxy } from '../registry/registered-proxy.ts';
import { neverAsked } from './never-asked.ts';
import type { ProbeApplication } from './probe-application.ts';

export interface ApplicationWatch {
  /** Probes it now, unless nothing answered seconds ago: one that was open may be closed meanwhile, and the gate waits for that. */
  readonly look: ProbeApplication;
  /** With the addresses at which its applications answered last, in `applicationState.around`. The same object if they did nowhere. */
  seen(proxy: ProxyStatus): ProxyStatus;
  stop(): void;
}

export interface ApplicationWatchDeps {
  /** Those of other replicas are theirs to look at. */
  readonly proxies: () => readonly RegisteredProxy[];
  readonly mesh: () => MeshIr | undefined;
  readonly probe: ProbeApplication;
  readonly clock: Clock;
  readonly log: Log;
  /** From 0 to 1. Default: Math.random. */
  readonly random?: () => number;
}

type Place = Pick<PortPlace, 'inbound' | 'application'>;

/** What is probed; several proxies may name the same. */
interface Watched {
  readonly place: Place;
  /** One of those that name it; absent for one that only the gate asked about. */
  owner?: RegisteredProxy;
  /** Monotonic. */
  dueAt: number;
  lookedAt: number;
  open?: IpPort;
  running?: Promise<IpPort | undefined>;
  /** It was told that it is open, and strict. */
  told: boolean;
}

const tickMs = 1000;
const arrangeMs = 5000;
const everyMs = 30_000;
/** One that is open is about to be closed, if somebody reads. */
const openEveryMs = 10_000;
/** One that has just come: others come at the same moment. */
const firstMs = 3000;
const freshMs = 5000;
/** A part of the time between two looks, on either side. */
const jitter = 0.1;
/** Each takes half a second at most: 5,000 that all stay silent are seen every 80 s. */
const atOnce = 32;
const maxPlaces = 10_000;

export function createApplicationWatch(deps: ApplicationWatchDeps): ApplicationWatch {
  const { proxies, mesh, probe, clock, log, random = Math.random } = deps;
  const known = new Map<string, Watched>();
  let due: Watched[] = [];
  let running = 0;
  let arrangedAt = Number.NEGATIVE_INFINITY;
  let stopped = false;
  let cancel = (): void => {};

  const add = (key: string, place: Place): Watched => {
    const dueAt = clock.monotonic() + random() * firstMs;
    const one: Watched = { place, dueAt, lookedAt: Number.NEGATIVE_INFINITY, told: false };
    known.set(key, one);
    return one;
  };
  const arrange = (): void => {
    const gone = new Set(known.keys());
    for (const proxy of proxies()) {
      if (proxy.replica !== undefined || mesh()?.serviceOf.get(proxy.spiffeId) === undefined) continue;
      for (const place of portsOf(proxy)) {
        const key = keyOf(place);
        if (key === undefined || (!known.has(key) && known.size >= maxPlaces)) continue;
        (known.get(key) ?? add(key, place)).owner = proxy;
        gone.delete(key);
      }
    }
    for (const key of gone) if (known.get(key)?.running === undefined) known.delete(key);
  };
  const start = (one: Watched): Promise<IpPort | undefined> => {
    running += 1;
    const work = probe(one.place)
      .catch(() => undefined)
      .then((open) => {
        const now = clock.monotonic();
        running -= 1;
        delete one.running;
        const every = open === undefined ? everyMs : openEveryMs;
        Object.assign(one, { open, lookedAt: now, dueAt: now + every * (1 - jitter + 2 * jitter * random()) });
        tell(one);
        pump();
        return open;
      });
    one.running = work;
    return work;
  };
  const tell = (one: Watched): void => {
    const { owner, open } = one;
    const service = owner === undefined ? undefined : mesh()?.serviceOf.get(owner.spiffeId);
    const strict = service !== undefined && mesh()?.services.get(service)?.mtls.mode === 'strict';
    if (open !== undefined && strict && !one.told) {
      const hint = 'have it listen on 127.0.0.1 alone, or close its port to others';
      const about = { service, node: owner?.node, at: formatHostPort(open), hint };
      log.error(about, 'the application of a strict service can be reached around its sidecar');
    }
    one.told = open !== undefined && strict;
  };
  const pump = (): void => {
    while (!stopped && running < atOnce) {
      const one = due.shift();
      if (one === undefined) return;
      // The gate may have looked at it since.
      if (one.running === undefined && one.dueAt <= clock.monotonic()) void start(one);
    }
  };
  const tick = (): void => {
    cancel = clock.after(tickMs, tick);
    const now = clock.monotonic();
    if (now - arrangedAt >= arrangeMs) {
      arrangedAt = now;
      arrange();
    }
    due = [...known.values()]
      .filter((one) => one.dueAt <= now && one.running === undefined)
      .sort((a, b) => a.dueAt - b.dueAt);
    pump();
  };
  tick();

  return {
    async look(place) {
      const key = keyOf(place);
      if (key === undefined) return undefined;
      const one = known.get(key) ?? add(key, place);
      if (one.running !== undefined) return one.running;
      const closed = one.open === undefined && clock.monotonic() - one.lookedAt < freshMs;
      return closed ? undefined : start(one);
    },
    seen(proxy) {
      const found = <T extends PortPlace>(place: T): T => withOpen(place, known.get(keyOf(place) ?? '')?.open);
      const { ports } = proxy;
      const own = found(proxy);
      const named = ports?.map(found);
      if (named === undefined || named.every((port, at) => port === ports?.[at])) return own;
      return { ...own, ports: named };
    },
    stop() {
      stopped = true;
      cancel();
    },
  };
}

/** Undefined: nothing to probe. */
function keyOf({ inbound, application }: Place): string | undefined {
  if (inbound === undefined || application === undefined || 'path' in application) return undefined;
  // A Workload document may list any address.
  if (neverAsked(inbound.address) !== undefined) return undefined;
  // At its own address that would be the sidecar; of one on loopback, the host's other addresses are probed.
  const own = inbound.port === application.port;
  return own && !isLoopback(inbound.address) ? undefined : `${inbound.address} ${own} ${application.port}`;
}

function withOpen<T extends PortPlace>(place: T, open: IpPort | undefined): T {
  if (open === undefined) return place;
  // It answered there, whether or not there is a helper to say so.
  const { applicationState = { answers: true, around: [] } } = place;
  if (applicationState.around.includes(open.address)) return place;
  return { ...place, applicationState: { ...applicationState, around: [...applicationState.around, open.address] } };
}
