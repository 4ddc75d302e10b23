// Who uses how much of the stream server's memory: what streams subscribe to, in bytes, for each identity and in total, and how many
// streams there are. A refusal affects nobody else, and says what exceeds the limit.
import { CellwallError } from '../../lib/errors.ts';
import type { NodeId } from '../../lib/node-id.ts';
import { identityOf } from '../../lib/node-id.ts';
import type { Limits } from '../protocol/limits.ts';
import type { Subscription } from '../protocol/subscription.ts';

export interface Ledger {
  /** For a stream that said whose it is. Throws `resource_exhausted`. */
  open(node: NodeId, kind: 'ads' | 'single'): Account;
}

export interface Account {
  /** What the stream keeps now, for one purpose. Throws `resource_exhausted` if it is too much, and then keeps what it had. */
  keep(what: string, bytes: number): void;
  close(): void;
}

interface Owner {
  bytes: number;
  streams: number;
}

export function createLedger(limits: Limits): Ledger {
  const nodes = new Map<NodeId, Owner & { single: number }>();
  const identities = new Map<string, Owner>();
  let all = 0;
  /** What every proxy needs is not counted against its identity, however many proxies that has. */
  const charged = (bytes: number): number => Math.max(0, bytes - limits.freeBytesOfNode);

  return {
    open(node, kind) {
      const identity = identityOf(node);
      const own = nodes.get(node) ?? { bytes: 0, streams: 0, single: 0 };
      const shared = identities.get(identity) ?? { bytes: 0, streams: 0 };
      const [mine, most] =
        kind === 'ads' ? [own.streams - own.single, limits.streamsOfNode] : [own.single, limits.singleStreamsOfNode];
      if (mine >= most) {
        throw tooMuch(`more than ${most} ${kind === 'ads' ? 'ADS streams' : 'streams of single types'} of one proxy`);
      }
      if (shared.streams >= limits.streamsOfIdentity) {
        throw tooMuch(`more than ${limits.streamsOfIdentity} streams of one identity`);
      }
      own.streams++;
      if (kind === 'single') own.single++;
      shared.streams++;
      nodes.set(node, own);
      identities.set(identity, shared);
      const parts = new Map<string, number>();
      let closed = false;
      const add = (bytes: number): void => {
        const more = charged(own.bytes + bytes) - charged(own.bytes);
        own.bytes += bytes;
        shared.bytes += more;
        all += more;
      };
      return {
        keep(what, bytes) {
          if (closed) return;
          const before = parts.get(what) ?? 0;
          add(bytes - before);
          if (bytes > before && (shared.bytes > limits.identityBytes || all > limits.allBytes)) {
            const whose = shared.bytes > limits.identityBytes ? limits.identityBytes : undefined;
            add(before - bytes);
            throw tooMuch(
              whose === undefined
                ? `all proxies together subscribe to more than ${limits.allBytes} bytes of names`
                : `the proxies of one identity subscribe to more than ${whose} bytes of names`,
            );
          }
          parts.set(what, bytes);
        },
        close() {
          if (closed) return;
          closed = true;
          for (const bytes of parts.values()) add(-bytes);
          own.streams--;
          if (kind === 'single') own.single--;
          shared.streams--;
          if (own.streams === 0) nodes.delete(node);
          if (shared.streams === 0) identities.delete(identity);
        },
      };
    },
  };
}

/** For a name's places in maps and sets, measured. */
const entryBytes = 150;

/** Approximately how much of what its client sent a subscription keeps. */
export function bytesOf({ names, held, claims, claimed, unanswered }: Subscription): number {
  let bytes = 2 * claimed.length;
  for (const { changed } of unanswered) bytes += entryBytes + 8 * changed.length;
  bytes += bytesOfNames(names);
  for (const name of held.keys()) if (!names.has(name)) bytes += name.length + entryBytes;
  for (const [name, { version }] of claims) bytes += name.length + version.length + entryBytes;
  return bytes;
}

const known = new WeakMap<ReadonlySet<string>, number>();

/** Each set once, however many streams have it; it counts for each of them. */
function bytesOfNames(names: ReadonlySet<string>): number {
  const there = known.get(names);
  if (there !== undefined) return there;
  let bytes = 0;
  for (const name of names) bytes += name.length + entryBytes;
  known.set(names, bytes);
  return bytes;
}

function tooMuch(what: string): CellwallError {
  return new CellwallError('resource_exhausted', what, { hint: 'use ADS, the wildcard, fewer names or fewer streams' });
}
