// Remembers every certificate that was issued.
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Json, Table } from '../lib/table.ts';
import type { SpiffeId } from '../model/spiffe-id.ts';
import { createKeptRows } from './kept-rows.ts';
import type { Certifiers } from './x509/certifiers.ts';

/**
 * `pushed`: the key was made here and is delivered by SDS. `csr`: for the workload's own key. `server`: the control
 * plane's.
 */
export type IssuePurpose = 'pushed' | 'csr' | 'server';

/** Who asked for a certificate, and what earned it. */
export interface IssuedFor {
  /**
   * `attested`: new evidence. `node-key`: its host came back. `renewed`: for the holder of the one before. `stream`: for the proxy whose
   * stream it is sent on. `own`: for the control plane.
   */
  readonly how: 'attested' | 'node-key' | 'renewed' | 'stream' | 'own';
  /** Whose evidence it goes back to. */
  readonly attestor?: string;
  /** From where it was asked for. */
  readonly address?: string;
  /** Its holder says when its program has it (roots/said-in-use.ts): not before does it take the place of the one before. */
  readonly confirmed?: true;
}

/** A row of the log: no key, and not the certificate itself. Times are ISO 8601. */
export interface IssuedCertificate extends Partial<IssuedFor>, Partial<Certifiers> {
  /** Hex. */
  readonly serial: string;
  readonly spiffeId: SpiffeId;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly purpose: IssuePurpose;
  /** The host that it is bound to. */
  readonly nodeKey?: string;
  /** The proxy that it was made for. */
  readonly node?: string;
  /** Epoch milliseconds: its dates do not tell. Absent: an earlier version issued it. */
  readonly issuedAt?: number;
  /** Name of the root that vouches for it (roots/roots-record.ts). Absent: an earlier version issued it. */
  readonly root?: string;
  /** Names of the roots that were in force then, separated by spaces: what its holder was given with it. */
  readonly trusts?: string;
}

export interface IssuedLog {
  record(certificate: IssuedCertificate): Promise<void>;
  list(): Promise<readonly IssuedCertificate[]>;
}

export interface IssuedLogOptions {
  readonly table: Table;
  readonly clock: Clock;
  readonly log: Log;
  /** Hosts whose rows are counted at the same time. Default 50,000. */
  readonly maxHosts?: number;
}

const keepMs = 7 * 86_400_000;
/** More than are valid at the same time, given the pace of issuance. */
const maxOfHost = 64;
/** Hosts whose rows are counted: those that were issued something last. Jobs of a CI are hosts for minutes, and without end. */
const mostHosts = 50_000;

/** Of one host only those of its certificates that end last are kept. */
export function createIssuedLog({ table, clock, log, maxHosts = mostHosts }: IssuedLogOptions): IssuedLog {
  return createKeptRows<IssuedCertificate>({
    ...{ table, clock, log, keepMs, mostOfHolder: maxOfHost, mostHolders: maxHosts },
    what: 'an issued certificate',
    rowOf: ({ serial, notAfter, nodeKey }) => ({ serial, ends: Date.parse(notAfter), holder: nodeKey }),
    write: ({ chain, ...row }) => ({ ...row, ...(chain && { chain: [...chain] }) }),
    read: readRow,
  });
}

const optional = ['nodeKey', 'attestor', 'node', 'address', 'authority', 'root', 'trusts'] as const;
const ways: readonly string[] = [
  'attested',
  'node-key',
  'renewed',
  'stream',
  'own',
] satisfies readonly IssuedFor['how'][];

/** Entries are ours, but the table may be shared: anything else is ignored, and so is what an entry says in another way than we do. */
function readRow(value: Json): IssuedCertificate | undefined {
  if (!isIssuedCertificate(value)) return undefined;
  const { serial, spiffeId, notBefore, notAfter, purpose } = value;
  const fields: Readonly<Record<string, unknown>> = { ...Object(value) };
  const texts = optional.flatMap((name) => (typeof fields[name] === 'string' ? [[name, fields[name]] as const] : []));
  const { how, chain, issuedAt, confirmed } = value;
  const isChain = Array.isArray(chain) && chain.every((one) => typeof one === 'string');
  return {
    ...{ serial, spiffeId, notBefore, notAfter, purpose, ...Object.fromEntries(texts) },
    ...(how !== undefined && ways.includes(how) && { how }),
    ...(isChain && { chain }),
    ...(confirmed === true && { confirmed }),
    ...(typeof issuedAt === 'number' && { issuedAt }),
  };
}

function isIssuedCertificate(value: Json): value is Json & IssuedCertificate {
  if (typeof value !== 'object' || value === null || !('serial' in value)) return false;
  const { serial, spiffeId, notBefore, notAfter, purpose } = value;
  return [serial, spiffeId, notBefore, notAfter, purpose].every((field) => typeof field === 'string');
}
