// Named tokens of the admin API: created, listed and revoked. Only a hash of each token is kept, encrypted, in a sealed table: whoever
// reads the table can prove nothing with it, and whoever writes to it cannot create a token. Tokens are cached in memory, because a
// handshake cannot wait.
import { z } from 'zod';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Redacted } from '../lib/redacted.ts';
import type { Json, Table } from '../lib/table.ts';
import { type Role, roles } from './caller.ts';
import { createKeyBox } from './key-box.ts';
import { isTokenName, makeNamedToken } from './named-token.ts';
import { proofKey } from './proof.ts';

export interface NamedToken {
  readonly name: string;
  readonly role: Role;
  readonly rawResources: boolean;
  /** Epoch milliseconds, as is `expiresAt`. */
  readonly createdAt: number;
  readonly expiresAt: number;
  /** Who created it. */
  readonly author: string;
}

export interface NamedTokens {
  /** Throws `already_exists`. */
  create(
    request: Pick<NamedToken, 'name' | 'role' | 'rawResources' | 'author'> & { readonly ttlMs: number },
  ): Promise<{ readonly token: Redacted<string>; readonly of: NamedToken }>;
  /** Those that have not expired, by name. */
  list(): Promise<readonly NamedToken[]>;
  /** Throws `not_found`. */
  revoke(name: string): Promise<void>;
  /** As known now; undefined for one that was revoked or has expired. */
  find(name: string): { readonly of: NamedToken; readonly key: Buffer } | undefined;
  /** Until what is known is at most a second old; undefined if nothing else can have changed it. Throws `unavailable`. */
  refresh(): Promise<void> | undefined;
}

export interface NamedTokensOptions {
  /** Sealed. */
  readonly table: Table;
  /** Encrypts the hashes. */
  readonly secret: Redacted<string>;
  /** Others may write to the table. */
  readonly shared: boolean;
  readonly clock: Clock;
  readonly log: Log;
}

const maxTokens = 1000;
const freshMs = 1000;
/** SHA-256. */
const keyBytes = 32;

const storedSchema = z.strictObject({
  role: z.enum(roles),
  rawResources: z.boolean(),
  createdAt: z.number(),
  expiresAt: z.number(),
  author: z.string(),
  key: z.string(),
});

/** Kept in place of a revoked token until its expiry: an old copy of the entry that somebody restores is older than this. */
const revokedSchema = z.strictObject({ revoked: z.literal(true) });

/** Entries that cannot be opened are logged and ignored. */
export async function createNamedTokens(options: NamedTokensOptions): Promise<NamedTokens> {
  const { table, secret, shared, clock, log } = options;
  const box = createKeyBox(secret);
  let known = new Map<string, { readonly of: NamedToken; readonly key: Buffer }>();
  /** Monotonic; undefined: the current content is unknown. */
  let loadedAt: number | undefined;
  let loading: Promise<void> | undefined;
  /** A load that began before a change does not undo it. */
  let changes = 0;

  const load = async (): Promise<void> => {
    const begun = changes;
    const at = clock.monotonic();
    const found = new Map<string, { readonly of: NamedToken; readonly key: Buffer }>();
    for (const { key: name, value } of await table.list()) {
      if (revokedSchema.safeParse(value).success) continue;
      const stored = storedSchema.safeParse(value);
      const key = stored.success ? box.open(stored.data.key, name) : undefined;
      if (!stored.success || key?.length !== keyBytes || !isTokenName(name)) {
        log.warn({ name }, 'a token of the admin API cannot be read and is ignored');
        continue;
      }
      const { key: _, ...rest } = stored.data;
      found.set(name, { of: { name, ...rest }, key });
    }
    if (begun !== changes) return;
    known = found;
    loadedAt = at;
  };
  const isFresh = (): boolean =>
    loadedAt !== undefined && (!shared || clock.monotonic() - loadedAt < freshMs) && loading === undefined;
  const refresh = (): Promise<void> | undefined => {
    if (isFresh()) return undefined;
    loading ??= load().finally(() => {
      loading = undefined;
    });
    return loading;
  };
  const find: NamedTokens['find'] = (name) => {
    const found = known.get(name);
    return found === undefined || found.of.expiresAt <= clock.now() ? undefined : found;
  };

  /** Whether it got the name: a free one, or one whose token was revoked. */
  const put = async (name: string, entry: Json, ttlMs: number): Promise<boolean> => {
    const there = await table.get(name);
    if (!revokedSchema.safeParse(there).success) return (await table.claim(name, entry, { ttlMs })).won;
    await table.set(name, entry, { ttlMs });
    return true;
  };

  await refresh()?.catch((reason: unknown) => {
    // An unavailable Redis does not delay the start: until it answers, no token is valid.
    log.warn({ reason: CellwallError.from(reason).message }, 'tokens of the admin API cannot be read yet');
  });
  return {
    async create({ ttlMs, ...of }) {
      await refresh();
      if (known.size >= maxTokens) {
        throw new CellwallError('resource_exhausted', `there are ${maxTokens} tokens already`, {
          hint: 'revoke those that are no longer needed: cellwall admin-token list',
        });
      }
      const token = makeNamedToken(of.name);
      const key = proofKey(token);
      const made: NamedToken = { ...of, createdAt: clock.now(), expiresAt: clock.now() + ttlMs };
      const { name, ...rest } = made;
      const entry = { ...rest, key: box.close(key, name) };
      if (find(name) !== undefined || !(await put(name, entry, ttlMs))) {
        throw new CellwallError('already_exists', `there already is a token ${name}`, {
          hint: `choose another name, or revoke it first: cellwall admin-token revoke ${name}`,
        });
      }
      changes += 1;
      known.set(name, { of: made, key });
      return { token, of: made };
    },
    async list() {
      await refresh();
      return [...known.values()]
        .map(({ of }) => of)
        .filter(({ name }) => find(name) !== undefined)
        .toSorted((a, b) => (a.name < b.name ? -1 : 1));
    },
    async revoke(name) {
      await refresh();
      const found = find(name);
      if (found === undefined) {
        throw new CellwallError('not_found', `no token ${JSON.stringify(name)}`, {
          hint: '"cellwall admin-token list" lists them',
        });
      }
      // Refused from now on, even if the store does not accept the change.
      changes += 1;
      known.delete(name);
      await table.set(name, { revoked: true }, { ttlMs: Math.max(1, found.of.expiresAt - clock.now()) });
    },
    find,
    refresh,
  };
}
