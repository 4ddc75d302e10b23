// What a diagnosis could not look at, one sentence each: a cause that nobody could have seen must not read as "nothing is wrong".
import { utc } from '../../doctor/cause-words.ts';
import type { TrafficFacts, Unseen } from '../../doctor/facts.ts';
import type { PortIr } from '../../policy/ir.ts';
import type { StoreTrouble } from '../../store/store.ts';
import type { OtherReplicas } from '../everywhere.ts';
import type { ProxyRow } from '../wire-proxies.ts';

export interface UnseenParts {
  readonly others: Pick<OtherReplicas, 'id' | 'list'> | undefined;
  readonly proxies: readonly ProxyRow[];
  readonly port: PortIr;
  readonly now: number;
  readonly storeTrouble: StoreTrouble | undefined;
  /** Control planes that did not answer. */
  readonly silent: readonly string[];
  readonly anonymous: boolean;
  /** The services of both sides. */
  readonly sides: readonly string[];
  /** What could not be read, and why. */
  readonly failed: readonly string[];
  readonly traffic: TrafficFacts;
  /** Of this control plane. */
  readonly startedAt: number;
}

const latelyMs = 15 * 60_000;

export function unseenOf(parts: UnseenParts): readonly Unseen[] {
  const { others, proxies, port, now, storeTrouble, silent, anonymous, sides, failed } = parts;
  const own = proxies.filter(({ service }) => service !== undefined && sides.includes(service));
  const dead = (others?.list() ?? []).filter(({ id, alive }) => !alive && own.some(({ replica }) => replica === id));
  const quiet = [...new Set([...silent, ...dead.map(({ id }) => id)])].filter((id) => id !== others?.id);
  const lossy = own.filter(({ missing = [] }) => missing.some(({ to }) => to > now - latelyMs));
  const hidden = [
    ...failed,
    ...quiet.map(
      (id) => `the control plane ${id} did not answer: what the proxies connected to it reported is missing`,
    ),
    ...(storeTrouble?.kind === 'away'
      ? [`the store is away (${storeTrouble.reason}): the documents are the last good ones, and may be old`]
      : []),
    ...lossy.map(({ node }) => `${node} reported less than its Envoy counted: calls are missing`),
    ...ofCalls(parts),
  ];
  const missing = [
    ...(port.protocol === 'tcp' ? ['of TCP connections only counts are kept, not why each failed'] : []),
    ...(port.external === true ? ['the proxies of another trust domain are not known here'] : []),
    ...(anonymous ? ['an anonymous caller has no sidecar: nothing is known of its side'] : []),
  ];
  return [...hidden.map((text) => ({ text, hides: true })), ...missing.map((text) => ({ text, hides: false }))];
}

/** What is on record of calls, if none of it shows that one gets through now. */
function ofCalls({ traffic: { allowedAt, failedAt = 0 }, startedAt, now }: UnseenParts): readonly string[] {
  if (allowedAt === undefined) return ['no call is on record that got through: whether one does is not known'];
  if (failedAt > allowedAt) return [`the last call on record failed, at ${utc(failedAt)}, and none got through since`];
  if (allowedAt >= startedAt || now - startedAt >= latelyMs) return [];
  const seconds = Math.round((now - startedAt) / 1000);
  return [
    `since the control plane started ${seconds} s ago no proxy has reported a call that got through: ask again after one`,
  ];
}
