// What a page that is open must know at once: what is in force, how far the proxies are with it, and what it should read again. Pure.
import type { ProxyStatus } from '../../registry/proxy-status.ts';

export interface Pulse {
  /** Of the documents in force. Absent: none are. */
  readonly revision?: number;
  /** The proxies were last sent what that one says. Absent: nothing was sent. */
  readonly published?: number;
  readonly ready: boolean;
  /** Of documents that are not in force. */
  readonly problems: number;
  readonly proxies: { readonly connected: number; readonly held: number; readonly gone: number };
  /** How far the connected ones are with what is in force. */
  readonly rollout: {
    readonly accepted: number;
    readonly pending: number;
    readonly rejected: number;
    /** Connected to other control planes on the store: what they accepted is known there, and in none of the three. */
    readonly elsewhere: number;
    /** Some of those that have not accepted it. */
    readonly waitingFor: readonly string[];
  };
  /** Each changes with what it stands for. */
  readonly marks: { readonly documents: string; readonly proxies: string };
}

export interface PulseOf {
  readonly revision: number | undefined;
  readonly published: number | undefined;
  readonly ready: boolean;
  readonly problems: number;
  readonly proxies: readonly ProxyStatus[];
}

const maxNamed = 10;

export function pulseOf({ revision, published, ready, problems, proxies }: PulseOf): Pulse {
  const count = { connected: 0, held: 0, gone: 0 };
  const rollout = { accepted: 0, pending: 0, rejected: 0, elsewhere: 0 };
  const waitingFor: string[] = [];
  const behind = revision !== undefined && published !== undefined && published < revision;
  let mark = 0;
  for (const proxy of proxies) {
    count[proxy.state] += 1;
    mark = hashOf(proxy, mark);
    if (proxy.state !== 'connected' || proxy.outdated !== undefined) continue;
    const state = proxy.replica === undefined ? rolloutOf(proxy, behind) : 'elsewhere';
    rollout[state] += 1;
    if ((state === 'pending' || state === 'rejected') && waitingFor.length < maxNamed) waitingFor.push(proxy.node);
  }
  return {
    ...(revision === undefined ? {} : { revision }),
    ...(published === undefined ? {} : { published }),
    ready,
    problems,
    proxies: count,
    rollout: { ...rollout, waitingFor },
    marks: { documents: `${revision ?? '-'}.${problems}`, proxies: mark.toString(36) },
  };
}

/** Of every type that it was sent: what did not change between revisions is not sent again, and what it accepted then is just as good. */
export function rolloutOf(
  { types, withheld }: Pick<ProxyStatus, 'types' | 'withheld'>,
  behind: boolean,
): 'accepted' | 'pending' | 'rejected' {
  if (withheld !== undefined || types.some(({ nack }) => nack !== undefined)) return 'rejected';
  const open = types.some(
    ({ sentRevision, ackedRevision }) => sentRevision !== undefined && (ackedRevision ?? -1) < sentRevision,
  );
  return behind || open || types.length === 0 ? 'pending' : 'accepted';
}

function hashOf({ node, state, since, ready, types, certificate, contested }: ProxyStatus, before: number): number {
  let mark = mix(before, since);
  mark = mix(mark, node.length * 4 + state.length * 2 + (ready ? 1 : 0));
  mark = mix(mark, certificate?.notAfter ?? 0);
  mark = mix(mark, contested?.at ?? 0);
  for (const { sentRevision = 0, ackedRevision = 0, nack } of types) {
    mark = mix(mark, sentRevision);
    mark = mix(mark, ackedRevision);
    mark = mix(mark, nack?.revision ?? 0);
  }
  return mark;
}

/** FNV-1a, a number at a time. */
function mix(mark: number, value: number): number {
  return Math.imul(mark ^ (value % 0x7fffffff), 16_777_619) >>> 0;
}
