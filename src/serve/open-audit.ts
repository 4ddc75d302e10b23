// The audit log of this data folder: sealed with the folder's key, its last record remembered in the store. All of it is checked at the
// start, in the background.
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type AuditLog, openAuditLog } from '../audit/audit-log.ts';
import { createSealedTable, sealKey } from '../identity/sealed-table.ts';
import { readSecretFile, writeSecretFile } from '../identity/secret-file.ts';
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import type { Log } from '../lib/log.ts';
import type { Store } from '../store/store.ts';

export interface OpenAuditOptions {
  readonly data: string;
  readonly store: Pick<Store, 'table' | 'lastGood'>;
  /** Other control planes may use the same store, each with its own log. */
  readonly shared: boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/** A broken chain is logged, and does not keep anything from starting. */
export async function openAudit({ data, store, shared, clock, log }: OpenAuditOptions): Promise<AuditLog> {
  const file = join(data, 'audit.jsonl');
  const key = sealKey(join(data, 'seal.key'));
  const table = createSealedTable({ table: store.table('audit'), name: 'audit', key, log });
  const name = auditHeadName(data, shared);
  const audit = await openAuditLog({ file, clock, log, key, table, name, id: auditId(data) });
  audit.read(0).then(
    ({ fault }) => {
      if (fault === undefined) return;
      log.error(
        { file: fault.file, line: fault.line, what: fault.what },
        'the audit log was changed: its chain is broken',
      );
    },
    (reason: unknown) => log.error({ file, reason: String(reason) }, 'the audit log cannot be read'),
  );
  const fallback = store.lastGood?.fallback();
  if (fallback !== undefined) {
    const { kind: why, revision } = fallback;
    audit.append({ kind: 'last-good-started', why, ...defined({ revision }) }).catch((reason: unknown) => {
      log.error({ reason: String(reason) }, 'not in the audit log');
    });
  }
  return audit;
}

/** Under which name the store remembers where the audit log of this data folder ended. */
export function auditHeadName(data: string, shared: boolean): string {
  return shared ? `head of ${auditId(data)}` : 'head';
}

/** An id of the log, next to it: it stays the same under another host name and at another path, and goes with a folder that is moved. */
export function auditId(data: string): string {
  const file = join(data, 'audit.id');
  if (!existsSync(file)) writeSecretFile(file, randomUUID());
  return readSecretFile(file).trim();
}
