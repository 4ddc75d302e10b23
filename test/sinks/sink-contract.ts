// What every kind of sink shows, with the real thing at the other end. A case opens it, says what arrived there, and can take it away.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AuditRecord, createSealer, noHash } from '../../src/audit/audit-record.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import type { AuditSink, SinkRecord } from '../../src/sinks/sink.ts';

export interface SinkCase {
  readonly sink: AuditSink;
  /** The records that are there, as texts. */
  arrived(): Promise<readonly string[]>;
  /** What is sent again is there once. */
  readonly once: boolean;
  /** From now on it takes nothing, until the returned function is called. Absent: there is no such thing. */
  away?(): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

const sealer = createSealer(new Redacted('seal'));

export function chainOf(count: number): readonly SinkRecord[] {
  const chain: SinkRecord[] = [];
  let previous = noHash;
  for (let number = 1; number <= count; number += 1) {
    const event = { kind: 'admin-token-revoked', author: 'Jürgen "\u2028"', name: 'x'.repeat(number) } as const;
    const record: AuditRecord = sealer.make(previous, { number, time: '2026-01-01T00:00:00.123Z', event });
    previous = record.hash;
    chain.push({ record, line: JSON.stringify(record) });
  }
  return chain;
}

export function sinkContract(name: string, open: () => Promise<SinkCase>): void {
  describe(`the sink ${name}`, () => {
    let opened: SinkCase;
    const chain = chainOf(40);
    const texts = chain.map(({ line }) => line);
    const send = (from: number, to: number) =>
      expect
        .poll(
          () =>
            opened.sink.send(chain.slice(from, to), new AbortController().signal).then(
              () => 'sent',
              (reason: unknown) => String(reason),
            ),
          { timeout: 5000 },
        )
        .toBe('sent');
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(async () => {
      opened.sink.close?.();
      await opened.close();
    });

    it('has all records in order, as they are', async () => {
      await send(0, 10);
      await send(10, 30);
      expect(await opened.arrived()).toEqual(texts.slice(0, 30));
    });

    it('takes again what it has', async () => {
      await send(20, 32);
      const there = await opened.arrived();
      expect(opened.once ? there : [...new Set(there)]).toEqual(texts.slice(0, 32));
    });

    it('throws while it is away, and has everything afterwards', async () => {
      const back = await opened.away?.();
      if (back === undefined) return;
      await expect(opened.sink.send(chain.slice(32), new AbortController().signal)).rejects.toThrow();
      await back();
      await send(32, 40);
      expect([...new Set(await opened.arrived())]).toEqual(texts);
    });
  });
}
