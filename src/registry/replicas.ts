// Which replicas of this control plane run, as the store that they share tells: each writes a beat there every second, and hears its own
// among those of the others. One is dead when this one heard itself several times and that one never: so nobody is dead while the store is
// away, nor because this process was paused, and no clocks are compared.
import { randomUUID } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Json, Table } from '../lib/table.ts';

export interface Replica {
  readonly id: string;
  readonly alive: boolean;
  /** What it tells of itself. */
  readonly about: { readonly [key: string]: Json };
}

export interface Replicas {
  readonly id: string;
  /** This one, and all that are known. */
  list(): readonly Replica[];
  isAlive(id: string): boolean;
  /** Whether what others write is heard; also if there are no others. */
  hears(): boolean;
  /** Milliseconds since this one heard anything through the store. */
  silentMs(): number;
  /** For how many milliseconds it has heard the store without a break of five beats; 0 while it does not. */
  steadyMs(): number;
  /** Told of each other one that is heard, again or for the first time, and of each that is not any more. The answer ends it. */
  watch(listener: (id: string, alive: boolean) => void): () => void;
  /** The others know at once that it ended. */
  stop(): Promise<void>;
}

export interface ReplicasDeps {
  readonly table: Table;
  readonly id: string;
  readonly about: () => { readonly [key: string]: Json };
  readonly clock: Clock;
  readonly log: Log;
  /** Default 1000. */
  readonly beatMs?: number;
}

/** Own beats, in which another one was not heard. */
const deadAfter = 5;
/** Beats that were not heard, in which others may have done anything. */
const deafAfter = 10;
const forgottenAfter = 60;

interface Peer {
  readonly about: { readonly [key: string]: Json };
  readonly alive: boolean;
  /** Own beats heard until then. */
  readonly heardAt: number;
}

/** Begins at once. */
export function createReplicas({ table, id, about, clock, log, beatMs = 1000 }: ReplicasDeps): Replicas {
  const run = randomUUID();
  const peers = new Map<string, Peer>();
  const listeners = new Set<(id: string, alive: boolean) => void>();
  let beats = 0;
  let heard = 0;
  let heardAt = clock.monotonic();
  let steadyFrom: number | undefined;
  let warned = false;
  let stopped = false;
  let cancel = (): void => {};
  const steadyMs = (): number =>
    steadyFrom === undefined || clock.monotonic() - heardAt > deadAfter * beatMs ? 0 : clock.monotonic() - steadyFrom;
  const tell = (other: string, alive: boolean): void => {
    log.warn({ replica: other }, alive ? 'another control plane uses this store' : 'another control plane is gone');
    for (const listener of [...listeners]) listener(other, alive);
  };
  const heardOwn = (of: unknown): void => {
    if (steadyMs() === 0) steadyFrom = clock.monotonic();
    heardAt = clock.monotonic();
    if (of !== run && !warned) {
      warned = true;
      log.error({ replica: id }, 'another control plane has the same id: is the data folder of one a copy?');
    }
    heard += 1;
    for (const [other, peer] of peers) {
      if (peer.alive && heard - peer.heardAt >= deadAfter) {
        peers.set(other, { ...peer, alive: false });
        tell(other, false);
      } else if (heard - peer.heardAt >= forgottenAfter) peers.delete(other);
    }
  };
  const unwatch = table.watch(({ key, value }) => {
    const { run: of, ...rest }: { readonly [name: string]: Json } = isObject(value) ? value : {};
    if (key === id) return value === undefined ? undefined : heardOwn(of);
    const before = peers.get(key);
    if (value === undefined) {
      if (peers.delete(key) && before?.alive === true) tell(key, false);
      return;
    }
    peers.set(key, { about: rest, alive: true, heardAt: heard });
    if (before?.alive !== true) tell(key, true);
  });
  const beat = (): void => {
    if (stopped) return;
    beats += 1;
    table
      .set(id, { ...about(), run, beat: beats }, { ttlMs: forgottenAfter * beatMs })
      .catch((reason: unknown) => log.debug({ reason: CellwallError.from(reason).message }, 'the beat is not written'))
      .finally(() => {
        cancel();
        if (!stopped) cancel = clock.after(beatMs, beat);
      });
  };
  beat();
  return {
    id,
    list: () => [
      { id, alive: true, about: about() },
      ...[...peers].map(([other, { alive, about: told }]) => ({ id: other, alive, about: told })),
    ],
    isAlive: (other) => other === id || peers.get(other)?.alive === true,
    hears: () => {
      const alone = ![...peers.values()].some(({ alive }) => alive);
      return alone || clock.monotonic() - heardAt < deafAfter * beatMs;
    },
    silentMs: () => clock.monotonic() - heardAt,
    steadyMs,
    watch(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    async stop() {
      stopped = true;
      cancel();
      unwatch();
      await table.delete(id).catch(() => {});
    },
  };
}

function isObject(value: Json | undefined): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
