// Remembers JWT-SVIDs that were issued, for a day after their end: who was given which, and for whom. Never the token itself.
import { clip } from '../../lib/clip.ts';
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import type { Log } from '../../lib/log.ts';
import type { Json, Table } from '../../lib/table.ts';
import { createKeptRows, type KeptRows } from '../kept-rows.ts';

/** A row of the log. Times are epoch milliseconds. */
export interface IssuedJwt {
  /** Its `jti`. */
  readonly serial: string;
  /** `kid` of the key that signed it. */
  readonly key: string;
  readonly spiffeId: string;
  /** Long ones are cut off. */
  readonly audience: readonly string[];
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** The host that asked for it. */
  readonly nodeKey?: string;
  /** From where. */
  readonly address?: string;
}

export interface IssuedJwtsDeps {
  readonly table: Table;
  readonly clock: Clock;
  readonly log: Log;
}

const keepMs = 86_400_000;
/** A host may ask for five a second. */
const mostOfHost = 32;
const mostAudience = 200;

/** Of one host only those that end last are kept; without one, of an identity. */
export function createIssuedJwts(deps: IssuedJwtsDeps): KeptRows<IssuedJwt> {
  return createKeptRows<IssuedJwt>({
    ...{ ...deps, keepMs, mostOfHolder: mostOfHost },
    what: 'an issued JWT-SVID',
    rowOf: ({ serial, expiresAt, nodeKey, spiffeId }) => ({ serial, ends: expiresAt, holder: nodeKey ?? spiffeId }),
    write: ({ audience, ...row }) => ({ ...row, audience: audience.map((one) => clip(one, mostAudience)) }),
    read,
  });
}

/** Entries are ours, but the table may be shared: anything else is ignored. */
function read(value: Json): IssuedJwt | undefined {
  const fields: Partial<Record<keyof IssuedJwt, unknown>> = Object(value);
  const { serial, key, spiffeId, audience, issuedAt, expiresAt, nodeKey, address } = fields;
  if (typeof serial !== 'string' || typeof key !== 'string' || typeof spiffeId !== 'string') return undefined;
  if (typeof issuedAt !== 'number' || typeof expiresAt !== 'number' || !Array.isArray(audience)) return undefined;
  const texts = audience.filter((one): one is string => typeof one === 'string');
  const bound = { nodeKey: textOf(nodeKey), address: textOf(address) };
  return { serial, key, spiffeId, audience: texts, issuedAt, expiresAt, ...defined(bound) };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
