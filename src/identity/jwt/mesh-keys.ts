// The keys of the issuers that the mesh names by an address: fetched by the control plane once a minute, given to the proxies that need
// them. The last good ones stay, whatever happens to the source, and over a restart.
import { createHash } from 'node:crypto';
import { boundedCall } from '../../lib/bounded-call.ts';
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { Table } from '../../lib/table.ts';
import { usableKeys } from './usable-keys.ts';

/** What is known of one issuer's keys. Times are epoch milliseconds. */
export interface MeshKeysStatus {
  readonly issuer: string;
  readonly url: string;
  /** When they were last had from there; absent: not since the start. */
  readonly fetchedAt?: number;
  /** How many there are; 0: no token of this issuer is valid. */
  readonly keys: number;
  /** Why they could not be had last time. */
  readonly error?: { readonly message: string; readonly at: number };
}

/** An https address that answers with a JWK Set. */
interface KeysFrom {
  readonly url: string;
  /** PEM. Absent: the roots of the system. */
  readonly ca?: string;
}

interface TokenIssuer {
  readonly name: string;
  /** Absent: its keys stand in the document. */
  readonly keysFrom?: KeysFrom;
}

export interface MeshKeys {
  /** Reads those of before. Call once, first. */
  restore(): Promise<void>;
  /** A JWK Set of usable keys; undefined while there never were any. */
  of(from: KeysFrom): string | undefined;
  /** Fetches for these issuers from now on, and for no others. */
  follow(issuers: Iterable<TokenIssuer>): void;
  status(): readonly MeshKeysStatus[];
  stop(): void;
}

export interface MeshKeysDeps {
  /** Sealed: whoever could write keys could sign tokens. */
  readonly table: Table;
  readonly clock: Clock;
  readonly log: Log;
  /** Keys of an issuer have changed. */
  readonly onChange: () => void;
  /** 0 to 1, for times that replicas do not share. */
  readonly random?: () => number;
}

const everyMs = 60_000;
const afterFailureMs = 10_000;
const timeoutMs = 5000;

interface Source {
  readonly issuer: string;
  readonly from: KeysFrom;
  readonly place: string;
  cancel: () => void;
  fetchedAt?: number;
  error?: { readonly message: string; readonly at: number } | undefined;
}

export function createMeshKeys(deps: MeshKeysDeps): MeshKeys {
  const { table, clock, log, onChange, random = Math.random } = deps;
  /** By place: the same address with other roots is another one. */
  const known = new Map<string, string>();
  /** What the table has, as far as it is known. */
  const stored = new Map<string, string>();
  let sources: readonly Source[] = [];

  async function fetch(source: Source): Promise<void> {
    const { issuer, from, place } = source;
    try {
      const text = usableKeys(await boundedCall({ who: `the issuer ${issuer}`, timeoutMs, ...from }));
      if (!sources.includes(source)) return;
      source.fetchedAt = clock.now();
      source.error = undefined;
      if (known.get(place) !== text) {
        known.set(place, text);
        log.info({ issuer, keys: count(text) }, 'keys of an issuer of tokens have changed');
        onChange();
      }
    } catch (reason) {
      if (!sources.includes(source)) return;
      const { message } = CellwallError.from(reason);
      source.error = { message, at: clock.now() };
      const kept = known.has(place) ? 'the known keys stay' : 'no token of it is valid until there are some';
      log.warn({ issuer, reason: message }, `keys of an issuer of tokens could not be fetched: ${kept}`);
    }
  }

  /** For a start while the issuer is away. What cannot be written now is written after the next fetch. */
  async function keep({ issuer, place }: Source): Promise<void> {
    const text = known.get(place);
    if (text === undefined || stored.get(place) === text) return;
    try {
      await table.set(place, text);
      stored.set(place, text);
      // Its last issuer may have gone meanwhile.
      if (known.get(place) === undefined) forget(place);
    } catch (reason) {
      const { message } = CellwallError.from(reason);
      log.warn(
        { issuer, reason: message },
        'keys of an issuer of tokens are not in the store yet: a restart forgets them',
      );
    }
  }

  function again(source: Source): void {
    void fetch(source).then(async () => {
      if (sources.includes(source)) await keep(source);
      if (!sources.includes(source)) return;
      const pause = source.error === undefined ? everyMs : afterFailureMs;
      source.cancel = clock.after(pause * (0.9 + 0.2 * random()), () => again(source));
    });
  }

  function forget(place: string): void {
    known.delete(place);
    stored.delete(place);
    table.delete(place).catch((reason: unknown) => {
      log.warn({ reason: CellwallError.from(reason).message }, 'keys of an issuer that is gone stay in the store');
    });
  }

  return {
    async restore() {
      for (const { key, value } of await table.list()) {
        if (isPlace.test(key) && typeof value === 'string') {
          known.set(key, value);
          stored.set(key, value);
        }
      }
    },
    of: (from) => known.get(placeOf(from)),
    follow(issuers) {
      const wanted = [...issuers].flatMap(({ name: issuer, keysFrom: from }): Source[] =>
        from === undefined ? [] : [{ issuer, from, place: placeOf(from), cancel: () => {} }],
      );
      const next = wanted.map(
        (one) => sources.find((old) => old.issuer === one.issuer && old.place === one.place) ?? one,
      );
      const before = sources;
      sources = next;
      for (const source of before) if (!next.includes(source)) source.cancel();
      for (const source of next) if (!before.includes(source)) again(source);
      // Should one come back later, what it signed with once does not count.
      for (const place of [...known.keys()]) if (!next.some((source) => source.place === place)) forget(place);
    },
    status: () =>
      sources.map(({ issuer, from: { url }, place, fetchedAt, error }) => ({
        ...{ issuer, url, keys: count(known.get(place)) },
        ...defined({ fetchedAt, error }),
      })),
    stop() {
      for (const { cancel } of sources) cancel();
      sources = [];
    },
  };
}

/** Others have entries in the same table. */
const isPlace = /^[0-9a-f]{64}$/;

function placeOf({ url, ca = '' }: KeysFrom): string {
  return createHash('sha256')
    .update(JSON.stringify([url, ca]))
    .digest('hex');
}

function count(text: string | undefined): number {
  return text === undefined ? 0 : text.split('"kty":').length - 1;
}
