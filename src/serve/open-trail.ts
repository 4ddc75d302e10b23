// The audit log as a control plane has it: with sinks, metrics, and a last checkpoint at the end.
import { join } from 'node:path';
import type { AuditLog } from '../audit/audit-log.ts';
import { createSealedTable, sealKey } from '../identity/sealed-table.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';
import type { Metrics } from '../observe/metrics.ts';
import { createSink } from '../sinks/catalog.ts';
import { deliver } from '../sinks/deliver.ts';
import { nameOf, readSinks } from '../sinks/sinks-file.ts';
import { auditId, type OpenAuditOptions, openAudit } from './open-audit.ts';

export interface OpenTrailOptions extends OpenAuditOptions {
  /** A file that says where its records go as well. */
  readonly sinks: string | undefined;
  readonly metrics: Pick<Metrics, 'watchAudit'>;
  readonly lifecycle: Pick<Lifecycle, 'defer'>;
}

/** Throws `invalid_argument` for sinks that cannot be right. */
export async function openTrail(options: OpenTrailOptions): Promise<AuditLog> {
  const { data, store, sinks, metrics, clock, log, lifecycle } = options;
  const id = auditId(data);
  const wanted = sinks === undefined ? [] : readSinks(sinks);
  const opened = await Promise.all(
    wanted.map(async (one) => ({ name: nameOf(one), sink: await createSink(one, { id, log }) })),
  );
  const audit = await openAudit(options);
  const deliveries = opened.map(({ name, sink }) => {
    const [table, key] = [store.table('audit-sinks'), sealKey(join(data, 'seal.key'))];
    const places = createSealedTable({ table, name: 'audit-sinks', key, log });
    return deliver({ name, sink, audit, file: join(data, 'audit.jsonl'), places, key: `${id} ${name}`, clock, log });
  });
  // After the log's last checkpoint: they get that, too.
  lifecycle.defer('sinks of the audit log', async () => void (await Promise.all(deliveries.map((one) => one.close()))));
  lifecycle.defer('audit log', () => audit.close());
  metrics.watchAudit(() => ({
    number: audit.head().number,
    isBroken: audit.fault() !== undefined,
    sinks: deliveries.map((one) => one.status()),
  }));
  return audit;
}
