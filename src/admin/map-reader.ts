// Reads the map. However many ask, the record is gone through, and the answer written as JSON, once in a while.

import { onceAWhile } from '../lib/once-a-while.ts';
import type { SignalsFound } from '../signals/read-signals.ts';
import type { AdminDeps } from './deps.ts';
import { inForceOrNothing } from './in-force.ts';
import { type CallerSide, meshMap } from './mesh-map.ts';
import type { MapAnswer } from './wire-map.ts';

export interface ReadMap {
  readonly answer: MapAnswer;
  readonly text: string;
}

export type MapReader = () => Promise<ReadMap>;

type Deps = Pick<AdminDeps, 'store' | 'record' | 'traffic' | 'signals' | 'proxies' | 'clock' | 'handshakes'>;

const keptMs = 3000;
/** What callers' own proxies know is told for so long; all of it is added up once in a while, the last minutes for every map. */
const longMs = 24 * 3_600_000;
const addedUpMs = 60_000;
const shortMs = 10 * 60_000;

export function createMapReader(deps: Deps): MapReader {
  const { store, record, traffic, signals, proxies, clock, handshakes = () => [] } = deps;
  let kept: (ReadMap & { readonly until: number }) | undefined;
  let reading: Promise<ReadMap> | undefined;
  const readLong = onceAWhile({ clock, forMs: addedUpMs }, async () =>
    callerSideOf(await signals.read({ since: clock.now() - longMs })),
  );
  const read = async (): Promise<ReadMap> => {
    await record.refresh?.();
    const callerSide = latestOf(await readLong(), callerSideOf(await signals.read({ since: clock.now() - shortMs })));
    const { mesh, revision } = inForceOrNothing(store);
    const answer = meshMap({
      ...{ revision, mesh, traffic: traffic(), callerSide, handshakes: handshakes() },
      ...{ proxies: proxies(), now: clock.now() },
    });
    kept = { answer, text: JSON.stringify(answer), until: clock.monotonic() + keptMs };
    return kept;
  };
  return () => {
    const { revision } = inForceOrNothing(store);
    if (kept?.answer.revision === revision && kept.until > clock.monotonic()) return Promise.resolve(kept);
    reading ??= read().finally(() => {
      reading = undefined;
    });
    return reading;
  };
}

function callerSideOf({ edges }: SignalsFound): readonly CallerSide[] {
  return edges.flatMap(({ edge, signals: { failed, calls, classes, lastSeen } }): CallerSide[] => {
    if ((edge.side !== 'outbound' && edge.side !== 'counted') || edge.target === undefined) return [];
    const decision = edge.side === 'outbound' ? 'failed' : 'allowed';
    // Of what its Envoy counted, an error of the server may be its own answer as well.
    const count = decision === 'failed' ? failed : calls - (classes[5] ?? 0);
    if (count === 0) return [];
    const [to = edge.target, port] = edge.target.split(':');
    return [{ from: edge.service, to, decision, count, lastSeen, ...(port === undefined ? {} : { port }) }];
  });
}

/** Of each edge the larger count, and when it was seen last. */
function latestOf(long: readonly CallerSide[], short: readonly CallerSide[]): readonly CallerSide[] {
  const found = new Map<string, CallerSide>();
  for (const one of [...long, ...short]) {
    const key = JSON.stringify([one.from, one.to, one.port, one.decision]);
    const { count = 0, lastSeen = 0 } = found.get(key) ?? {};
    found.set(key, { ...one, count: Math.max(count, one.count), lastSeen: Math.max(lastSeen, one.lastSeen) });
  }
  return [...found.values()];
}
