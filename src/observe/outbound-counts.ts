// How the calls of a service went as its own proxy counted them: all of them, whatever became of their logs, also to services that have no
// proxy of this mesh in front of them. From Envoy's counters, as helpers report them.
import type { AllOutboundCounts, OutboundCounts } from '../lib/outbound-counts.ts';
import { classNumbers } from '../lib/outbound-counts.ts';
import type { RecordedSignals } from '../signals/recorded-signals.ts';
import type { Sample } from '../signals/signals.ts';

export interface OutboundCounted {
  connected(node: string, service: string): void;
  /** Counts since the start of its Envoy; `epoch` differs between starts. A dependency that is absent was not called since then. */
  told(node: string, epoch: string, counts: AllOutboundCounts): void;
  forget(node: string): void;
}

interface Known {
  readonly service: string;
  epoch?: string;
  readonly counts: Map<string, OutboundCounts>;
}

/** Of one proxy, which may invent them; more than a document names. Of those that were told of longest ago nothing is known any more. */
const maxTargets = 1024;

const nothing: OutboundCounts = {
  classes: classNumbers.map(() => 0),
  ...{ connections: 0, received: 0, sent: 0, groups: {}, took: [] },
};

export function createOutboundCounted(signals: Pick<RecordedSignals, 'record'>): OutboundCounted {
  const nodes = new Map<string, Known>();
  return {
    connected(node, service) {
      const known = nodes.get(node);
      if (known?.service !== service) nodes.set(node, { service, counts: new Map() });
    },
    told(node, epoch, counts) {
      const known = nodes.get(node);
      if (known === undefined) return;
      const isFirst = known.epoch === undefined;
      if (known.epoch !== epoch) known.counts.clear();
      known.epoch = epoch;
      for (const [target, now] of Object.entries(counts)) {
        const before = known.counts.get(target);
        // What it counted before this control plane heard of it belongs to times that are over.
        if (!isFirst) add(signals, known.service, target, before ?? nothing, now);
        const took = now.took ?? (isFirst ? undefined : before === undefined ? [] : before.took);
        known.counts.delete(target);
        known.counts.set(target, took === undefined ? now : { ...now, took });
      }
      for (const oldest of known.counts.keys()) {
        if (known.counts.size <= maxTargets) break;
        known.counts.delete(oldest);
      }
    },
    forget: (node) => void nodes.delete(node),
  };
}

function add(
  signals: Pick<RecordedSignals, 'record'>,
  service: string,
  target: string,
  before: OutboundCounts,
  now: OutboundCounts,
): void {
  const edge = { side: 'counted', service, target } as const;
  const sample = (status: number, count: number, more: Partial<Sample> = {}): Sample => ({
    ...{ facts: { status, flags: [], tls: '' }, decision: 'allowed', count },
    ...{ took: [], received: 0, sent: 0, ...more },
  });
  for (const [at, digit] of classNumbers.entries()) {
    const count = more(before.classes[at], now.classes[at]);
    if (count > 0) signals.record(edge, sample(digit * 100, count));
  }
  const rest = {
    ...{ received: more(before.received, now.received), sent: more(before.sent, now.sent) },
    times: timesSince(before.took, now.took),
  };
  const connections = more(before.connections, now.connections);
  if (connections > 0 || rest.received > 0 || rest.sent > 0 || rest.times.length > 0) {
    signals.record(edge, sample(0, connections, rest));
  }
  for (const [group, all] of Object.entries(now.groups)) {
    const count = more(before.groups[group], all);
    if (count === 0) continue;
    signals.record(
      { side: 'connections', service, target },
      { ...sample(0, count), facts: { status: 0, flags: [], tls: group } },
    );
  }
}

/** Counters that began again are told with the next report. */
function more(before = 0, now = 0): number {
  return Math.max(0, now - before);
}

/** Pairs of milliseconds and how many. Nothing while it is not known how many there were. */
function timesSince(
  before: readonly number[] | undefined,
  now: readonly number[] | undefined,
): readonly (readonly [ms: number, count: number])[] {
  if (before === undefined || now === undefined) return [];
  const old = new Map(pairsOf(before));
  return pairsOf(now).flatMap(([ms, count]): [number, number][] => {
    const added = more(old.get(ms), count);
    return added === 0 ? [] : [[ms, added]];
  });
}

function pairsOf(flat: readonly number[]): readonly (readonly [number, number])[] {
  return Array.from({ length: flat.length / 2 }, (_, at) => [flat[2 * at] ?? 0, flat[2 * at + 1] ?? 0] as const);
}
