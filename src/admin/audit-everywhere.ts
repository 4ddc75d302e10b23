// The audit logs of all replicas as one view: each has a chain of its own, checked by itself; the records are in order of their times.
import { z } from 'zod';
import { defined } from '../lib/defined.ts';
import type { Json } from '../lib/table.ts';
import type { OtherReplicas } from './everywhere.ts';
import { type AuditAnswer, auditRecordSchema } from './wire-record.ts';

/** What one of them has. */
export interface AuditPart {
  /** The line at which its chain breaks. */
  readonly brokenAt?: number | undefined;
  readonly records: readonly Omit<AuditAnswer['records'][number], 'replica'>[];
}

/** Every record of a log is checked before it answers. */
const patienceMs = 15_000;

export function createAuditEverywhere(
  others: OtherReplicas | undefined,
  read: (last: number) => Promise<AuditPart>,
): (last: number) => Promise<AuditAnswer> {
  const answer = ({ brokenAt, records }: AuditPart): AuditAnswer => {
    return { intact: brokenAt === undefined, ...defined({ brokenAt }), records: [...records] };
  };
  if (others === undefined) return async (last) => answer(await read(last));
  others.answer('audit', async (last) => {
    const { brokenAt = null, records } = await read(Number(last));
    const list: readonly Json[] = JSON.parse(JSON.stringify([{ brokenAt }, ...records]));
    return list;
  });
  return async (last) => {
    const [own, told] = await Promise.all([read(last), others.ask('audit', last, patienceMs)]);
    const all: AuditAnswer['records'] = own.records.map((record) => ({ ...record, replica: others.id }));
    const broken: { replica: string; line: number }[] = [];
    if (own.brokenAt !== undefined) broken.push({ replica: others.id, line: own.brokenAt });
    for (const [replica, [head, ...records]] of told) {
      const { data: line } = headSchema.safeParse(head);
      if (line?.brokenAt !== undefined && line.brokenAt !== null) broken.push({ replica, line: line.brokenAt });
      for (const record of records) {
        const { data } = auditRecordSchema.safeParse(record);
        if (data !== undefined) all.push({ ...data, replica });
      }
    }
    // One that is gone as well: what it recorded is in its own folder, and missing here.
    const silent = others.list().flatMap(({ id }) => (id === others.id || told.has(id) ? [] : [id]));
    const records = all.toSorted((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0)).slice(-last);
    return {
      ...answer({ brokenAt: own.brokenAt, records }),
      intact: broken.length === 0,
      ...(broken.length === 0 ? {} : { broken }),
      ...(silent.length === 0 ? {} : { silent }),
      records,
    };
  };
}

const headSchema = z.object({ brokenAt: z.int().nullable() });
