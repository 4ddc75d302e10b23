// Who uses how much of the stream server's memory: what streams subscribe to, in bytes, for each identity and in total, and how many
// streams there are. A refusal affects nobody else, and says what exceeds the limit.
import { CellwallError } from '../../lib/errors.ts';
import type { NodeId } from '../../lib/node-id.ts';
import { identityOf } from '../../lib/node-id.ts';
import type { Limits } from '../protocol/limits.ts';
import type { Held, Subscription } from '../protocol/subscription.ts';

export interface Ledger {
  /** For a stream that said whose it is. Throws `resource_exhausted`. */
  open(node: NodeId, kind: 'ads' | 'single'): Account;
}

export interface Account {
  /** What the stream keeps now, for one purpose. Throws `resource_exhausted` if that is too much, and then keeps what it had. */
  keep(what: string, kept: Kept): void;
  close(): void;
}

/** Bytes of its own, and values that other streams may keep as well: each exists once, and counts once. */
export interface Kept {
  readonly own: number;
  readonly shared: readonly (readonly [value: object, bytes: number])[];
}

/** An identity, or all of them. */
interface Owner {
  bytes: number;
  nodes: number;
  streams: number;
  /** How often each value is kept. */
  readonly values: Map<object, number>;
}

const nothing: Kept = { own: 0, shared: [] };

/** In memory. What several proxies subscribe to in common counts once. */
export function createLedger(limits: Limits): Ledger {
  const nodes = new Map<NodeId, { streams: number; single: number }>();
  const identities = new Map<string, Owner>();
  const newOwner = (): Owner => ({ bytes: 0, nodes: 0, streams: 0, values: new Map() });
  const all = newOwner();
  /** What every proxy needs is not counted, however many proxies there are. */
  const charged = ({ bytes, nodes }: Owner): number => bytes - nodes * limits.freeBytesOfNode;

  return {
    open(node, kind) {
      const identity = identityOf(node);
      const own = nodes.get(node) ?? { streams: 0, single: 0 };
      const its = identities.get(identity) ?? newOwner();
      const [mine, most] =
        kind === 'ads' ? [own.streams - own.single, limits.streamsOfNode] : [own.single, limits.singleStreamsOfNode];
      if (mine >= most) {
        throw tooMuch(`more than ${most} ${kind === 'ads' ? 'ADS streams' : 'streams of single types'} of one proxy`);
      }
      if (its.streams >= limits.streamsOfIdentity) {
        throw tooMuch(`more than ${limits.streamsOfIdentity} streams of one identity`);
      }
      const owners = [its, all];
      for (const owner of owners) if (!nodes.has(node)) owner.nodes++;
      own.streams++;
      if (kind === 'single') own.single++;
      its.streams++;
      nodes.set(node, own);
      identities.set(identity, its);
      const parts = new Map<string, Kept>();
      let closed = false;
      const replace = (before: Kept, after: Kept): void => {
        for (const owner of owners) {
          owner.bytes += after.own - before.own;
          for (const [value, bytes] of after.shared) take(owner, value, bytes);
          for (const [value, bytes] of before.shared) drop(owner, value, bytes);
        }
      };
      return {
        keep(what, kept) {
          if (closed) return;
          const before = parts.get(what) ?? nothing;
          const [itsBytes, allBytes] = [its.bytes, all.bytes];
          replace(before, kept);
          const itsIsTooMuch = its.bytes > itsBytes && charged(its) > limits.identityBytes;
          if (itsIsTooMuch || (all.bytes > allBytes && charged(all) > limits.allBytes)) {
            replace(kept, before);
            throw tooMuch(
              itsIsTooMuch
                ? `the proxies of one identity subscribe to more than ${limits.identityBytes} bytes of names`
                : `all proxies together subscribe to more than ${limits.allBytes} bytes of names`,
            );
          }
          parts.set(what, kept);
        },
        close() {
          if (closed) return;
          closed = true;
          for (const kept of parts.values()) replace(kept, nothing);
          own.streams--;
          if (kind === 'single') own.single--;
          its.streams--;
          if (own.streams === 0) {
            nodes.delete(node);
            for (const owner of owners) owner.nodes--;
          }
          if (its.streams === 0) identities.delete(identity);
        },
      };
    },
  };
}

function take(owner: Owner, value: object, bytes: number): void {
  const count = owner.values.get(value) ?? 0;
  owner.values.set(value, count + 1);
  if (count === 0) owner.bytes += bytes;
}

function drop(owner: Owner, value: object, bytes: number): void {
  const left = (owner.values.get(value) ?? 1) - 1;
  if (left > 0) owner.values.set(value, left);
  else {
    owner.values.delete(value);
    owner.bytes -= bytes;
  }
}

/** Memory that a name takes in maps and sets, in addition to its text; measured. */
const entryBytes = 150;

/** About how much a subscription keeps of what its client said. Streams that said the same keep the same values. */
export function keptOf({ names, held, claims, claimed, unanswered }: Subscription): Kept {
  let own = 2 * claimed.length;
  for (const { changed } of unanswered) own += entryBytes + 8 * changed.length;
  const shared: (readonly [object, number])[] = [];
  const add = (
    value: ReadonlySet<string> | ReadonlyMap<string, Held>,
    bytesOfEntry: (name: string) => number,
  ): void => {
    if (value.size === 0) return;
    let bytes = known.get(value);
    if (bytes === undefined) {
      bytes = 0;
      for (const name of value.keys()) bytes += bytesOfEntry(name);
      known.set(value, bytes);
    }
    shared.push([value, bytes]);
  };
  add(names, (name) => name.length + entryBytes);
  // What is in one of the others as well is no more than a reference here.
  add(held, (name) => (names.has(name) || claims.has(name) ? 0 : name.length + entryBytes));
  add(claims, (name) => name.length + (claims.get(name)?.version.length ?? 0) + entryBytes);
  return { own, shared };
}

/** Each value once, however many streams have it. */
const known = new WeakMap<object, number>();

function tooMuch(what: string): CellwallError {
  return new CellwallError('resource_exhausted', what, { hint: 'use ADS, the wildcard, fewer names or fewer streams' });
}
