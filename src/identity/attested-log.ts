// Which hosts proved themselves, how and when: the last few times of each, for three months. Renewals with an SVID are not in it.

import { clip } from '../lib/clip.ts';
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Json, Table } from '../lib/table.ts';

export interface Attested {
  /** SHA-256 of the node key, hex. */
  readonly nodeKey: string;
  readonly spiffeId: string;
  readonly attestor: string;
  /** What it proved; long values are cut off. */
  readonly values: Readonly<Record<string, string>>;
  /** The join token, by its id. */
  readonly token?: string;
  /** From where. */
  readonly address: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

export interface AttestedLog {
  /** Returns at once; a failure is logged. */
  record(attested: Omit<Attested, 'at' | 'values' | 'attestor'>, by: Pick<Attested, 'attestor' | 'values'>): void;
  /** The newest first. */
  list(): Promise<readonly Attested[]>;
  /** Called for each, as it is recorded. */
  watch(listener: (attested: Attested) => void): void;
  /** Resolves when everything is written, or was not. */
  written(): Promise<void>;
}

export interface AttestedLogDeps {
  readonly table: Table;
  readonly clock: Clock;
  readonly log: Log;
}

const keepMs = 90 * 86_400_000;
const ofHost = 8;
const [mostValues, mostValue] = [16, 200];
const attempts = 5;

/** An entry for each node key. */
export function createAttestedLog({ table, clock, log }: AttestedLogDeps): AttestedLog {
  let writing = Promise.resolve();
  const listeners: ((attested: Attested) => void)[] = [];
  const add = async ({ nodeKey, ...event }: Attested): Promise<void> => {
    // Most hosts join once: what is not there need not be read.
    let before: Json | undefined;
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const earlier: readonly Json[] = Array.isArray(before) ? before : [];
      const after = [...earlier, { ...event, values: { ...event.values } }].slice(-ofHost);
      if (await table.compareAndSet(nodeKey, before, after, { ttlMs: keepMs })) return;
      before = await table.get(nodeKey);
    }
    throw new CellwallError('aborted', 'others keep writing it');
  };
  return {
    record({ nodeKey, spiffeId, address, token }, { attestor, values }) {
      const few = Object.entries(values).slice(0, mostValues);
      const clipped = Object.fromEntries(few.map(([name, value]) => [clip(name, mostValue), clip(value, mostValue)]));
      const event = { nodeKey, spiffeId, attestor, values: clipped, address, at: clock.now(), ...defined({ token }) };
      for (const listener of listeners) listener(event);
      writing = writing
        .then(() => add(event))
        .catch((reason: unknown) => {
          log.warn(
            { nodeKey, reason: CellwallError.from(reason).message },
            'how a host proved itself is not on record',
          );
        });
    },
    list: async () =>
      (await table.list())
        .flatMap(({ key, value }) => (Array.isArray(value) ? value.flatMap((one: Json) => read(key, one) ?? []) : []))
        .toSorted((a, b) => b.at - a.at),
    watch: (listener) => void listeners.push(listener),
    written: () => writing,
  };
}

/** Entries are ours, but the table may be shared: anything else is ignored. */
function read(nodeKey: string, value: Json): Attested | undefined {
  const { spiffeId, attestor, values, token, address, at }: Partial<Record<keyof Attested, unknown>> = Object(value);
  if (typeof spiffeId !== 'string' || typeof attestor !== 'string' || typeof address !== 'string') return undefined;
  if (typeof at !== 'number' || typeof values !== 'object' || values === null) return undefined;
  const pairs = Object.entries(values).filter((pair): pair is [string, string] => typeof pair[1] === 'string');
  const proved = Object.fromEntries(pairs);
  return { nodeKey, spiffeId, attestor, address, at, values: proved, ...(typeof token === 'string' ? { token } : {}) };
}
