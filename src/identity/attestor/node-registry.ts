// What the host of a node key proved, and which identity that earned, so that a host that restarts with its key needs no new token; and
// which keys were evicted: these, and every SVID bound to one, are refused from then on, whatever is applied later.
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { Json, Table } from '../../lib/table.ts';
import { isAttestorName } from '../../model/attestors.ts';
import { type Evidence, tokenEvidence } from '../../model/evidence.ts';
import { parseSpiffeId, type SpiffeId } from '../../model/spiffe-id.ts';

export interface KnownNode {
  /** SHA-256 of its SubjectPublicKeyInfo, hex. */
  readonly nodeKey: string;
  readonly spiffeId: SpiffeId;
  readonly evidence: Evidence;
  /** When it last joined or renewed. Epoch milliseconds. */
  readonly seenAt: number;
}

export interface NodeRegistry {
  /** Loads what was evicted, and follows what others who share the store evict. Call once, first. */
  restore(): Promise<void>;
  /** Told of each key that another replica evicted. */
  onEvicted(listener: (nodeKey: string) => void): void;
  /** Told whenever a key gets nothing from now on, whoever evicted it, this control plane included. */
  onRefused(listener: () => void): void;
  /** Follows nothing any more. */
  stop(): void;
  /**
   * Throws for an evicted one, also for one that is evicted meanwhile. Without evidence: it still has that identity, by what is known about
   * it, or by a join token.
   */
  remember(nodeKey: string, spiffeId: SpiffeId, evidence?: Evidence): Promise<void>;
  /** It got nothing: it needs a token, as before. */
  forget(nodeKey: string): Promise<void>;
  find(nodeKey: string): Promise<KnownNode | undefined>;
  list(): Promise<readonly KnownNode[]>;
  isEvicted(nodeKey: string): boolean;
  /** Throws `failed_precondition` for an evicted one. */
  check(nodeKey: string): void;
  /** Permanently. In force when it resolves; throws if it cannot be stored. */
  evict(nodeKey: string): Promise<void>;
  /**
   * What this key was for has ended: it is evicted until then (epoch milliseconds), when nothing that it proved counts any more. In force
   * when it resolves; throws if it cannot be stored.
   */
  end(nodeKey: string, until: number): Promise<void>;
  /** Evicts every key of an identity: none of its hosts may return without a new token. Returns them. */
  evictAll(spiffeId: SpiffeId): Promise<readonly string[]>;
}

export interface NodeRegistryDeps {
  readonly nodes: Table;
  readonly evicted: Table;
  readonly clock: Pick<Clock, 'now'>;
}

/** A key that was not used for this long, not even for renewals, is forgotten: longer than any outage. */
const keepMs = 400 * 86_400_000;
/** Nor one whose evidence has ended: it proves nothing any more, and jobs of a CI are many. */
const keepEndedMs = 3_600_000;

/** Knows no evicted key before `restore`. */
export function createNodeRegistry({ nodes, evicted, clock }: NodeRegistryDeps): NodeRegistry {
  // What is evicted stays evicted in this process, whatever happens to the table.
  const gone = new Set<string>();
  const ended = createEnded(clock);
  const isEvicted = (nodeKey: string): boolean => gone.has(nodeKey) || ended.has(nodeKey);
  const listeners = new Set<(nodeKey: string) => void>();
  const refusals = new Set<() => void>();
  const refused = (): void => {
    for (const listener of refusals) listener();
  };
  let unwatch = (): void => {};
  const list = async (): Promise<readonly KnownNode[]> =>
    (await nodes.list()).flatMap(({ key, value }) => read(key, value) ?? []);
  const find = async (nodeKey: string): Promise<KnownNode | undefined> => {
    const value = await nodes.get(nodeKey);
    return value === undefined ? undefined : read(nodeKey, value);
  };
  const check = (nodeKey: string): void => {
    if (ended.has(nodeKey)) {
      throw new CellwallError('failed_precondition', 'what this SVID was for has ended', {
        hint: 'a job has an identity until its runner says that it has ended',
      });
    }
    if (!gone.has(nodeKey)) return;
    throw new CellwallError('failed_precondition', `this host was evicted (node key ${nodeKey.slice(0, 16)})`, {
      hint: 'start it with a new join token: cellwall token create',
    });
  };
  const learn = (nodeKey: string, value: Json): void => {
    if (isEvicted(nodeKey)) return;
    add(nodeKey, value);
    for (const listener of listeners) listener(nodeKey);
    refused();
  };
  function add(nodeKey: string, value: Json): void {
    const { until }: { readonly until?: unknown } = Object(value);
    if (typeof until === 'number') ended.add(nodeKey, until);
    else gone.add(nodeKey);
  }
  /** Before it gets anything: whoever can keep the news of an eviction from this replica cannot keep it from that. */
  const look = async (nodeKey: string): Promise<void> => {
    try {
      const value = await evicted.get(nodeKey);
      if (value !== undefined) learn(nodeKey, value);
    } catch (reason) {
      if (CellwallError.from(reason).code !== 'unavailable') throw reason;
    }
  };
  const evict = async (nodeKey: string): Promise<void> => {
    gone.add(nodeKey);
    refused();
    try {
      await evicted.set(nodeKey, clock.now());
    } finally {
      await nodes.delete(nodeKey);
    }
  };
  return {
    async restore() {
      for (const { key, value } of await evicted.list()) add(key, value);
      unwatch();
      unwatch = evicted.watch(({ key, value }) => {
        if (value !== undefined) learn(key, value);
      });
    },
    onEvicted: (listener) => void listeners.add(listener),
    onRefused: (listener) => void refusals.add(listener),
    stop: () => unwatch(),
    async remember(nodeKey, spiffeId, evidence) {
      await look(nodeKey);
      check(nodeKey);
      const before = evidence === undefined ? await find(nodeKey) : undefined;
      const proved = evidence ?? (before?.spiffeId === spiffeId ? before.evidence : tokenEvidence(spiffeId));
      const ttlMs = Math.min(keepMs, (proved.notAfter ?? Number.POSITIVE_INFINITY) - clock.now() + keepEndedMs);
      await nodes.set(nodeKey, { spiffeId, seenAt: clock.now(), ...stored(proved) }, { ttlMs: Math.max(1, ttlMs) });
      if (isEvicted(nodeKey)) await nodes.delete(nodeKey);
      check(nodeKey);
    },
    async forget(nodeKey) {
      await nodes.delete(nodeKey);
    },
    find,
    list,
    isEvicted,
    check,
    evict,
    async end(nodeKey, until) {
      learn(nodeKey, { until });
      try {
        // Not in the place of what an operator evicted for good.
        await evicted.claim(nodeKey, { until }, { ttlMs: Math.max(1, until - clock.now()) });
      } finally {
        await nodes.delete(nodeKey);
      }
    },
    async evictAll(spiffeId) {
      const own = (await list()).filter((node) => node.spiffeId === spiffeId).map(({ nodeKey }) => nodeKey);
      for (const nodeKey of own) await evict(nodeKey);
      return own;
    },
  };
}

/** A join token is represented by the identity alone, as an earlier version stored it and reads it. */
function stored({ attestor, values, notAfter }: Evidence): Readonly<Record<string, Json>> {
  if (attestor === 'join-token') return {};
  return { attestor, values: { ...values }, ...defined({ notAfter }) };
}

/** An earlier version stored only the identity. An entry that cannot be read completely is ignored. */
function read(nodeKey: string, value: Json): KnownNode | undefined {
  const fields: Partial<Record<'spiffeId' | 'seenAt' | 'attestor' | 'values' | 'notAfter', unknown>> = Object(value);
  const { spiffeId: text = value, seenAt = 0, attestor, values, notAfter } = fields;
  const spiffeId = typeof text === 'string' ? parseSpiffeId(text) : undefined;
  if (spiffeId === undefined || typeof seenAt !== 'number') return undefined;
  if (attestor === undefined) return { nodeKey, spiffeId, seenAt, evidence: tokenEvidence(spiffeId) };
  if (typeof attestor !== 'string' || !isAttestorName(attestor)) return undefined;
  if (typeof values !== 'object' || values === null) return undefined;
  const pairs = Object.entries(values).filter((pair): pair is [string, string] => typeof pair[1] === 'string');
  if (notAfter !== undefined && typeof notAfter !== 'number') return undefined;
  const evidence = { attestor, values: Object.fromEntries(pairs), ...defined({ notAfter }) };
  return { nodeKey, spiffeId, seenAt, evidence };
}

/** Those of jobs, which are many, each for as long as it matters. */
function createEnded(clock: Pick<Clock, 'now'>) {
  const keys = new Map<string, number>();
  let sweepAt = 1000;
  return {
    has: (nodeKey: string): boolean => keys.has(nodeKey),
    add(nodeKey: string, until: number): void {
      keys.set(nodeKey, until);
      if (keys.size < sweepAt) return;
      for (const [key, end] of keys) if (end < clock.now()) keys.delete(key);
      sweepAt = Math.max(1000, 2 * keys.size);
    },
  };
}
