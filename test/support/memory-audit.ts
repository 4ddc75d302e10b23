// An audit log in memory, for what takes one.
import type { AuditLog, AuditRecord } from '../../src/audit/audit-log.ts';
import type { Clock } from '../../src/lib/clock.ts';

export function createMemoryAudit(clock: Clock): AuditLog {
  const records: AuditRecord[] = [];
  return {
    async append(event) {
      const time = new Date(clock.now()).toISOString();
      const record = { number: records.length + 1, time, event, hash: `hash-${records.length + 1}`, seal: '' };
      records.push(record);
      return record;
    },
    flushed: async () => {},
    read: async (last, which = () => true) => ({ records: records.filter(({ event }) => which(event)).slice(-last) }),
    head: () => ({ number: records.length, hash: records.at(-1)?.hash ?? '' }),
    watch: () => () => {},
    fault: () => undefined,
    signWith: () => {},
    checkpoints: async () => [],
    close: async () => {},
    async *since(at) {
      for (const record of records) if (Date.parse(record.time) >= at) yield record;
    },
  };
}
