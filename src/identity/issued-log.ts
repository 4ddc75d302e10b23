// Remembers every certificate that was issued. A table that is away holds up no issuance: what it missed is written later.
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Json, Table } from '../lib/table.ts';
import type { SpiffeId } from '../model/spiffe-id.ts';

export type IssuePurpose = 'pushed' | 'csr' | 'server';

export interface IssuedCertificate {
  /** Hex. */
  readonly serial: string;
  readonly spiffeId: SpiffeId;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly purpose: IssuePurpose;
}

export interface IssuedLog {
  record(certificate: IssuedCertificate): Promise<void>;
  list(): Promise<readonly IssuedCertificate[]>;
}

export interface IssuedLogOptions {
  readonly table: Table;
  readonly clock: Clock;
  readonly log: Log;
}

const keepMs = 7 * 86_400_000;
const maxBacklog = 100_000;

export function createIssuedLog({ table, clock, log }: IssuedLogOptions): IssuedLog {
  const backlog: IssuedCertificate[] = [];
  const write = async (certificate: IssuedCertificate): Promise<void> => {
    const ttlMs = Math.max(1, Date.parse(certificate.notAfter) + keepMs - clock.now());
    await table.set(certificate.serial, { ...certificate }, { ttlMs });
  };
  return {
    async record(certificate) {
      try {
        await write(certificate);
        for (let missed = backlog[0]; missed !== undefined; missed = backlog[0]) {
          await write(missed);
          backlog.shift();
        }
      } catch (reason) {
        if (backlog.length >= maxBacklog) backlog.shift();
        backlog.push(certificate);
        log.warn({ reason: String(reason), waiting: backlog.length }, 'cannot record an issued certificate yet');
      }
    },
    list: async () => (await table.list()).map(({ value }) => value).filter(isIssuedCertificate),
  };
}

/** Entries are ours, but the table may be shared: what is not one is passed over. */
function isIssuedCertificate(value: Json): value is Json & IssuedCertificate {
  if (typeof value !== 'object' || value === null || !('serial' in value)) return false;
  const { serial, spiffeId, notBefore, notAfter, purpose } = value;
  return [serial, spiffeId, notBefore, notAfter, purpose].every((field) => typeof field === 'string');
}
