import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type AuditLog, openAuditLog } from '../../src/audit/audit-log.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createFakeClock } from '../support/fake-clock.ts';

let folder: string;
let file: string;
const open = (): AuditLog => openAuditLog({ file, clock: createFakeClock(), log: silentLog });
const token = (spiffeId: string) => ({ kind: 'token-created', author: 'operator', spiffeId }) as const;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-audit-'));
  file = join(folder, 'audit.jsonl');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('keeps events in a chain that goes on after a restart, for its owner only', () => {
  open().append(token('spiffe://td/a'));
  const again = open();
  again.append(token('spiffe://td/b'));
  const { records, brokenAt } = again.read();
  expect(brokenAt).toBeUndefined();
  expect(records.map(({ number, event }) => [number, event.kind])).toEqual([
    [1, 'token-created'],
    [2, 'token-created'],
  ]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

it('sees what was changed, taken out, or put in', () => {
  const log = open();
  for (const name of ['a', 'b', 'c']) log.append(token(`spiffe://td/${name}`));
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  const broken = (changed: readonly string[]): number | undefined => {
    writeFileSync(file, `${changed.join('\n')}\n`);
    return log.read().brokenAt;
  };
  expect(broken(lines.map((line) => line.replace('td/b', 'td/x')))).toBe(2);
  expect(broken(lines.filter((_, index) => index !== 1))).toBe(2);
  expect(broken([...lines.slice(0, 1), 'no JSON', ...lines.slice(1)])).toBe(2);
  expect(broken(lines)).toBeUndefined();
});

it('sees an end that is gone, and a chain made anew, while it runs', () => {
  const log = open();
  for (const name of ['a', 'b']) log.append(token(`spiffe://td/${name}`));
  const [first = ''] = readFileSync(file, 'utf8').split('\n');
  writeFileSync(file, `${first}\n`);
  expect(log.read().brokenAt).toBe(2);
  rmSync(file);
  expect(log.read().brokenAt).toBe(1);
  for (const name of ['a', 'x']) open().append(token(`spiffe://td/${name}`));
  expect(open().read().brokenAt).toBeUndefined();
  expect(log.read().brokenAt).toBe(3);
});

it('drops half a line that a crash left, and goes on', () => {
  open().append(token('spiffe://td/a'));
  appendFileSync(file, '{"number":2,"ti');
  const log = open();
  log.append(token('spiffe://td/b'));
  expect(log.read()).toMatchObject({ records: [{ number: 1 }, { number: 2 }] });
  expect(log.read().brokenAt).toBeUndefined();
});

it('fails when it cannot be written', () => {
  const log = open();
  mkdirSync(file);
  expect(() => log.append(token('spiffe://td/a'))).toThrow(/cannot write the audit log/);
});
