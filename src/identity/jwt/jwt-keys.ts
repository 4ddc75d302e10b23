// The keys of JWT-SVIDs: each control plane signs with its own, which never leaves its host; all publish the public halves in one table.
// A key is published before it signs, so that whoever verifies has it by then, and stays until the last token of it has ended.
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { existsSync } from 'node:fs';
import { calculateJwkThumbprint, exportJWK } from 'jose';
import { z } from 'zod';
import type { Clock } from '../../lib/clock.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { Table } from '../../lib/table.ts';
import { readSecretFile, writeSecretFile } from '../secret-file.ts';
import { makeKeyPair } from '../x509/key-pair.ts';

/** RFC 7517, as JWT-SVID §4.2 wants it in a bundle. */
export interface PublicJwk {
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly x: string;
  readonly y: string;
  readonly kid: string;
  readonly use: 'jwt-svid';
  readonly alg: 'ES256';
}

export interface JwtKey {
  readonly kid: string;
  readonly key: KeyObject;
}

export interface JwtKeys {
  /** The key to sign with now. */
  signing(): Promise<JwtKey>;
  /** Those of all control planes with which somebody may still have signed, by `kid`. */
  published(): Promise<readonly PublicJwk[]>;
  close(): void;
}

export interface JwtKeysOptions {
  /** Of this control plane; 0600. */
  readonly file: string;
  /** Whoever can write there can sign: it must be a sealed one. */
  readonly table: Table;
  /**
   * How long a first key waits, in milliseconds, where somebody may have the keys of before, or of another control plane, and not ask for
   * this one at once. Default: not at all.
   */
  readonly firstWaitsMs?: number;
  readonly clock: Clock;
  readonly log: Log;
}

const hour = 3_600_000;
/** A key signs for that long at most. */
export const keyLifeMs = 24 * hour;
/** It is published that long before it signs: who verifies asks for keys more often (sidecars: every minute; oidc-documents.ts). */
export const publishedBeforeMs = hour;
/** No token lasts longer. */
export const mostTokenMs = hour;
const lookMs = 60_000;
/** For so long a key that another control plane has made is not seen: much less than it is published before it signs. */
const listMs = 5000;

const keptSchema = z.array(z.strictObject({ key: z.string(), from: z.number() })).max(4);
const jwkSchema = z.strictObject({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: z.string().max(64),
  y: z.string().max(64),
  kid: z.string().max(64),
  use: z.literal('jwt-svid'),
  alg: z.literal('ES256'),
});
const entrySchema = z.strictObject({ jwk: jwkSchema, until: z.number() });

/** `from`: when it begins to sign, epoch milliseconds. */
interface OwnKey extends JwtKey {
  readonly from: number;
  readonly jwk: PublicJwk;
}

/** Throws if the file can be read by others, or is damaged. */
export async function createJwtKeys(options: JwtKeysOptions): Promise<JwtKeys> {
  const { file, table, firstWaitsMs = 0, clock, log } = options;
  let own = await readKept(file);
  let cancel = (): void => {};
  let listedAt = Number.NEGATIVE_INFINITY;
  let list: ReturnType<Table['list']> = Promise.resolve([]);
  let turn: Promise<OwnKey> = Promise.resolve().then(renew);

  /** One after the other: two at once would make two keys. */
  function current(): Promise<OwnKey> {
    turn = turn.then(renew, renew);
    return turn;
  }

  async function renew(): Promise<OwnKey> {
    const now = clock.now();
    const good = own.filter(({ from }) => now < from + keyLifeMs && from <= now + keyLifeMs);
    const signing = good.findLast(({ from }) => from <= now);
    const waiting = good.find(({ from }) => from <= now + firstWaitsMs);
    if (signing === undefined && waiting !== undefined) return waiting;
    // The first one of all signs at once: nobody has had another.
    if (signing === undefined) {
      const others = firstWaitsMs > 0 && (own.length > 0 || (await table.list()).length > 0);
      return made(others ? now + firstWaitsMs : now, good);
    }
    const last = good.at(-1) ?? signing;
    if (now >= last.from + keyLifeMs - 2 * publishedBeforeMs) await made(now + publishedBeforeMs, good);
    return signing;
  }

  async function made(from: number, kept: readonly OwnKey[]): Promise<OwnKey> {
    const key = await ownKey(createPrivateKey(makeKeyPair().privateKey.reveal()), from);
    // Before anybody can see a token of it.
    const until = from + keyLifeMs + mostTokenMs;
    await table.set(key.kid, { jwk: { ...key.jwk }, until }, { ttlMs: until - clock.now() + hour });
    own = [...kept, key].toSorted((a, b) => a.from - b.from);
    const text = own.map((one) => ({
      key: one.key.export({ format: 'pem', type: 'pkcs8' }).toString(),
      from: one.from,
    }));
    writeSecretFile(file, JSON.stringify(text));
    listedAt = Number.NEGATIVE_INFINITY;
    log.info({ kid: key.kid, signsFrom: new Date(from).toISOString() }, 'a new key for JWT-SVIDs');
    return key;
  }

  /** Anybody may ask for the keys: the store is asked once in a while. */
  function listed(): ReturnType<Table['list']> {
    if (clock.monotonic() - listedAt >= listMs) {
      listedAt = clock.monotonic();
      list = table.list();
      list.catch(() => {
        listedAt = Number.NEGATIVE_INFINITY;
      });
    }
    return list;
  }

  const look = (): void => {
    cancel = clock.after(lookMs, () => {
      void current()
        .catch((reason: unknown) => log.warn({ reason: String(reason) }, 'cannot renew the key for JWT-SVIDs yet'))
        .finally(look);
    });
  };
  await turn.catch((reason: unknown) => log.warn({ reason: String(reason) }, 'no key for JWT-SVIDs yet'));
  look();
  return {
    async signing() {
      const key = await current();
      const waitMs = key.from - clock.now();
      if (waitMs <= 0) return key;
      throw new CellwallError(
        'unavailable',
        'the key for JWT-SVIDs was made just now, and is not known everywhere yet',
        {
          hint: `it signs in ${Math.ceil(waitMs / 1000)} s`,
        },
      );
    },
    async published() {
      const now = clock.now();
      const entries = (await listed()).map(({ value }) => entrySchema.safeParse(value));
      return entries
        .flatMap(({ data }) => (data === undefined || data.until < now ? [] : [data.jwk]))
        .toSorted((a, b) => (a.kid < b.kid ? -1 : 1));
    },
    close: () => cancel(),
  };
}

async function readKept(file: string): Promise<readonly OwnKey[]> {
  if (!existsSync(file)) return [];
  const text = readSecretFile(file);
  try {
    return await Promise.all(
      keptSchema.parse(JSON.parse(text)).map(({ key, from }) => ownKey(createPrivateKey(key), from)),
    );
  } catch {
    // What was wrong with it would quote it.
    throw new CellwallError('failed_precondition', `${file} is damaged`, {
      hint: 'remove it: a new key is made, and what was signed by the old one can still be verified',
    });
  }
}

async function ownKey(key: KeyObject, from: number): Promise<OwnKey> {
  const { kty, crv, x, y } = await exportJWK(createPublicKey(key));
  if (kty !== 'EC' || crv !== 'P-256' || x === undefined || y === undefined) {
    throw new CellwallError('failed_precondition', 'the key of JWT-SVIDs is no P-256 key');
  }
  const point = { kty: 'EC', crv: 'P-256', x, y } as const;
  const kid = await calculateJwkThumbprint(point);
  return { key, from, kid, jwk: { ...point, kid, use: 'jwt-svid', alg: 'ES256' } };
}
