// The gate of edited documents, on a clock of the test's: held first, asked, asked again, admitted.
import { expect, it } from 'vitest';
import type { CutOverReason } from '../../src/cutover/cut-over-reason.ts';
import { createEditGate } from '../../src/cutover/edit-gate.ts';
import type { Log } from '../../src/lib/log.ts';
import type { Judged } from '../../src/store/store.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { heardLog } from '../support/heard-log.ts';
import { judged } from '../support/judged.ts';
import { documentsOf, meshText, serviceText, yaml } from '../support/resolve-text.ts';

const documents = (mode: string, ...more: readonly string[]) =>
  judged(documentsOf(yaml(meshText(), serviceText('api', 'http1', `, mtls: {mode: ${mode}}`), ...more), 'all.yaml'));
const [permissive, strict] = [documents('permissive'), documents('strict')];
const caller: CutOverReason = { service: 'api', kind: 'caller', who: 'plaintext, 10.0.0.9', why: 'would be refused' };
const settle = () => new Promise<void>((resolve) => void setImmediate(resolve));

function setUp(attach = true) {
  const clock = createFakeClock();
  const asked: number[] = [];
  const shouted: string[] = [];
  const log: Log = heardLog({ error: (_, message) => void shouted.push(String(message)) });
  const edits = createEditGate({ clock, log });
  const gate = { ...edits, hold: (before: Judged, after: Judged) => edits.hold(before, after, judged) };
  const answer: { reasons: readonly CutOverReason[] | Error; evidence?: Error | undefined } = { reasons: [caller] };
  const cutOver = {
    async judge(_before: unknown, _after: unknown, windowMs: number) {
      asked.push(windowMs);
      if (answer.reasons instanceof Error) throw answer.reasons;
      return answer.reasons;
    },
  };
  const kept: string[] = [];
  const evidence = async (services: readonly string[], reasons: readonly string[]): Promise<void> => {
    if (answer.evidence !== undefined) throw answer.evidence;
    kept.push(...services, ...reasons);
  };
  if (attach) gate.attach(cutOver, evidence);
  let news = 0;
  gate.watch(() => {
    news += 1;
  });
  const advance = async (ms: number) => {
    clock.advance(ms);
    await settle();
  };
  return { gate, kept, evidence, cutOver, clock, asked, answer, shouted, advance, news: () => news };
}

it('holds at once, tells the reasons when it has looked, and admits when they are gone', async () => {
  const { gate, asked, answer, advance, news } = setUp();
  expect(gate.hold(permissive, strict)).toMatchObject({ keep: ['Service/api'], problems: [] });
  expect(asked).toEqual([]);
  await advance(0);
  expect(asked).toEqual([86_400_000]);
  expect(news()).toBe(1);
  expect(gate.hold(permissive, strict)?.problems).toMatchObject([
    {
      severity: 'error',
      code: 'cut-over-held',
      message: expect.stringContaining('plaintext, 10.0.0.9: would be refused'),
      hint: expect.stringContaining('apply --force'),
      source: { file: 'all.yaml', line: 9, column: expect.any(Number) },
    },
  ]);
  // The same answer again is no news.
  await advance(5000);
  expect([asked.length, news()]).toEqual([2, 1]);
  answer.reasons = [{ ...caller, count: 9 }];
  await advance(5000);
  expect([asked.length, news()]).toEqual([3, 1]);
  answer.reasons = [];
  await advance(5000);
  expect([asked.length, news()]).toEqual([4, 2]);
  expect(gate.hold(permissive, strict)).toBeUndefined();
  // Nothing is left to ask.
  await advance(3_600_000);
  expect(asked).toHaveLength(4);
});

it('asks nothing more once the line is reverted', async () => {
  const { gate, asked, advance } = setUp();
  gate.hold(permissive, strict);
  await advance(0);
  expect(gate.hold(permissive, permissive)).toBeUndefined();
  await advance(3_600_000);
  expect(asked).toHaveLength(1);
});

it('takes another pair of documents for another question, and no answer for it', async () => {
  const { gate, asked, answer, advance } = setUp();
  answer.reasons = [];
  gate.hold(permissive, strict);
  await advance(0);
  const retries = serviceText('api', 'http1', ', mtls: {mode: strict}, retries: {attempts: 5}');
  const other = judged(documentsOf(yaml(meshText(), retries), 'all.yaml'));
  expect(gate.hold(permissive, other)).toMatchObject({ keep: ['Service/api'] });
  // At most once a second, however often documents change.
  await advance(900);
  expect(asked).toHaveLength(1);
  await advance(200);
  expect(asked).toHaveLength(2);
  expect(gate.hold(permissive, other)).toBeUndefined();
});

it('goes on telling why a service is held back while another edit beside it makes it another question', async () => {
  const { gate, answer, advance } = setUp();
  gate.hold(permissive, strict);
  await advance(0);
  const web = serviceText('web');
  const [before, after] = [documents('permissive', web), documents('strict', web)];
  const told = { message: expect.stringContaining('plaintext, 10.0.0.9: would be refused') };
  expect(gate.hold(before, after)?.problems).toMatchObject([told]);
  answer.reasons = [];
  await advance(5000);
  expect(gate.hold(before, after)).toBeUndefined();
  // What held back before is forgotten with it.
  expect(gate.hold(permissive, strict)?.problems).toEqual([]);
});

it('is one question, whether the rest of the edit is in force yet or not', async () => {
  const { gate, answer, asked, advance } = setUp();
  answer.reasons = [];
  const more = serviceText('web');
  gate.hold(permissive, documents('strict', more));
  await advance(0);
  expect(gate.hold(documents('permissive', more), documents('strict', more))).toBeUndefined();
  expect(asked).toHaveLength(1);
});

it('waits for the control plane at the start, and says so', async () => {
  const { gate, cutOver, evidence, asked, advance } = setUp(false);
  expect(gate.hold(permissive, strict)?.problems[0]?.message).toContain('has not looked yet');
  await advance(60_000);
  expect(asked).toHaveLength(0);
  gate.attach(cutOver, evidence);
  await advance(0);
  expect(asked).toHaveLength(1);
});

it('holds while it cannot look, and reminds in the log every ten minutes', async () => {
  const { gate, answer, shouted, advance } = setUp();
  answer.reasons = new Error('no record');
  gate.hold(permissive, strict);
  await advance(0);
  expect(gate.hold(permissive, strict)?.problems[0]?.message).toContain('could not look: no record');
  expect(shouted).toHaveLength(1);
  for (let minute = 0; minute < 21; minute++) for (let part = 0; part < 12; part++) await advance(5000);
  expect(shouted).toHaveLength(3);
});

it('admits what has warnings alone, with evidence of them; without it, it holds on', async () => {
  const { gate, answer, kept, advance } = setUp();
  const warning: CutOverReason = { service: 'api', kind: 'client-half', who: 'web', why: 'behind', warning: true };
  answer.reasons = [caller, warning];
  gate.hold(permissive, strict);
  await advance(0);
  expect(gate.hold(permissive, strict)?.problems[0]?.message).not.toContain('behind');
  answer.reasons = [warning];
  answer.evidence = new Error('disk full');
  await advance(5000);
  expect(gate.hold(permissive, strict)?.problems[0]?.message).toContain('could not write its evidence: disk full');
  answer.evidence = undefined;
  await advance(5000);
  expect(gate.hold(permissive, strict)).toBeUndefined();
  expect(kept).toEqual(['api', 'api: web: behind']);
});
