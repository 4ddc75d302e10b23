// Reads the map. However many ask, the record is gone through, and the answer written as JSON, once in a while.
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
/** What callers' own proxies know is told for so long. */
const callerSideMs = 24 * 3_600_000;

export function createMapReader(deps: Deps): MapReader {
  const { store, record, traffic, signals, proxies, clock, handshakes = () => [] } = deps;
  let kept: (ReadMap & { readonly until: number }) | undefined;
  let reading: Promise<ReadMap> | undefined;
  const read = async (): Promise<ReadMap> => {
    await record.refresh?.();
    const found = await signals.read({ since: clock.now() - callerSideMs });
    const { mesh, revision } = inForceOrNothing(store);
    const answer = meshMap({
      ...{ revision, mesh, traffic: traffic(), callerSide: callerSideOf(found), handshakes: handshakes() },
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
