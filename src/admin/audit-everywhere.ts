// The audit logs of all replicas as one view: each has a chain of its own, checked by itself; the records are in order of their times.
import { z } from 'zod';
import { defined } from '../lib/defined.ts';
import type { Json } from '../lib/table.ts';
import type { OtherReplicas } from './everywhere.ts';
import { type AuditAnswer, auditRecordSchema } from './wire-record.ts';

/** What one of them has. */
export interface AuditPart {
  /** The line at which its chain breaks, and what is wrong there. */
  readonly brokenAt?: number | undefined;
  readonly what?: string | undefined;
  readonly records: readonly Omit<AuditAnswer['records'][number], 'replica'>[];
}

/** Questions: with what is recorded all the time, and without. */
const [plain, withRoutine] = ['audit', 'audit-all'];

/** Every record of a log is checked before it answers. */
const patienceMs = 15_000;

export function createAuditEverywhere(
  others: OtherReplicas | undefined,
  read: (last: number, routine: boolean) => Promise<AuditPart>,
): (last: number, routine?: boolean) => Promise<AuditAnswer> {
  const answer = ({ brokenAt, what, records }: AuditPart): AuditAnswer => {
    return { intact: brokenAt === undefined, ...defined({ brokenAt, what }), records: [...records] };
  };
  if (others === undefined) return async (last, routine = false) => answer(await read(last, routine));
  for (const [kind, routine] of [[plain, false] as const, [withRoutine, true] as const]) {
    others.answer(kind, async (last) => {
      const { brokenAt = null, what = null, records } = await read(Number(last), routine);
      const list: readonly Json[] = JSON.parse(JSON.stringify([{ brokenAt, what }, ...records]));
      return list;
    });
  }
  return async (last, routine = false) => {
    const asked = others.ask(routine ? withRoutine : plain, last, patienceMs);
    const [own, told] = await Promise.all([read(last, routine), asked]);
    const all: AuditAnswer['records'] = own.records.map((record) => ({ ...record, replica: others.id }));
    const broken: NonNullable<AuditAnswer['broken']> = [];
    const { brokenAt, what } = own;
    if (brokenAt !== undefined) broken.push({ replica: others.id, line: brokenAt, ...defined({ what }) });
    for (const [replica, [head, ...records]] of told) {
      const { data: line } = headSchema.safeParse(head);
      if (line !== undefined && line.brokenAt !== null) {
        broken.push({ replica, line: line.brokenAt, ...(typeof line.what === 'string' ? { what: line.what } : {}) });
      }
      for (const record of records) {
        const { data } = auditRecordSchema.safeParse(record);
        if (data !== undefined) all.push({ ...data, replica });
      }
    }
    // One that is gone as well: what it recorded is in its own folder, and missing here.
    const silent = others.list().flatMap(({ id }) => (id === others.id || told.has(id) ? [] : [id]));
    const records = all.toSorted((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0)).slice(-last);
    return {
      ...answer({ brokenAt, what, records }),
      intact: broken.length === 0,
      ...(broken.length === 0 ? {} : { broken }),
      ...(silent.length === 0 ? {} : { silent }),
      records,
    };
  };
}

const headSchema = z.object({ brokenAt: z.int().nullable(), what: z.string().nullish() });
