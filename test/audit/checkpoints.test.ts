// Signed checkpoints: in the log a minute after a record, or after a thousand; outside of it once a second, and at the end. Whoever signs
// may be away, and so may be the table.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type AuditLog, type AuditLogOptions, openAuditLog } from '../../src/audit/audit-log.ts';
import { checkpointText, readCheckpoint } from '../../src/audit/checkpoint-text.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import type { Json, Table } from '../../src/lib/table.ts';
import { type ControlPlaneSigner, controlPlaneSigner, whyUnvouched } from '../support/control-plane-signer.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { createMemoryTable } from '../support/memory-table.ts';

let folder: string;
let clock: FakeClock;
let entries: Map<string, Json>;
let ca: ControlPlaneSigner;
const event = { kind: 'admin-token-revoked', author: 'operator', name: 'ann' } as const;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-checkpoints-'));
  clock = createFakeClock(Date.now());
  entries = new Map();
  ca = await controlPlaneSigner('td1');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function open(more: Partial<AuditLogOptions> = {}): Promise<AuditLog> {
  const file = join(folder, 'audit.jsonl');
  const table = createMemoryTable(entries);
  return openAuditLog({ file, clock, log: silentLog, key: new Redacted('seal'), table, id: 'log-1', ...more });
}
const kinds = async (log: AuditLog) => (await log.read(5000)).records.map((one) => one.event.kind);
const count = async (log: AuditLog) => (await kinds(log)).filter((kind) => kind === 'checkpoint').length;

it('are in the log a minute after a record, and none where nothing was written', async () => {
  const log = await open();
  log.signWith(ca);
  expect(await kinds(log)).toEqual([]);
  await log.append(event);
  clock.advance(59_000);
  expect(await count(log)).toBe(0);
  clock.advance(1000);
  expect(await kinds(log)).toEqual([event.kind, 'checkpoint']);
  clock.advance(600_000);
  expect(await count(log)).toBe(1);
  await log.append(event);
  await log.append(event);
  clock.advance(60_000);
  expect(await count(log)).toBe(2);
  await log.close();
  expect(await count(log)).toBe(2);
});

it('are in the log after a thousand records, and at the end', async () => {
  const log = await open();
  log.signWith(ca);
  await Promise.all(Array.from({ length: 1000 }, () => log.append(event)));
  expect(await count(log)).toBe(1);
  await log.append(event);
  await log.close();
  expect((await kinds(log)).slice(-2)).toEqual([event.kind, 'checkpoint']);
});

it('are verified by the roots alone: text, key, certificate and who has it', async () => {
  const log = await open();
  log.signWith(ca);
  await log.append(event);
  await log.close();
  const [last] = await log.checkpoints();
  if (last === undefined) throw new Error('none');
  expect(last).toMatchObject({ log: 'log-1', ...log.head() });
  expect(whyUnvouched(last, ca.bundle)).toBe(undefined);
  const other = await controlPlaneSigner('td1');
  const signedBy = async (uri: string) => {
    const one = await controlPlaneSigner('td1', uri);
    return whyUnvouched({ ...last, ...one.sign(checkpointText(last)) }, one.bundle);
  };
  const changed = /was changed after it was signed/;
  expect(whyUnvouched({ ...last, log: 'log-2' }, ca.bundle)).toMatch(changed);
  expect(whyUnvouched({ ...last, number: last.number + 1 }, ca.bundle)).toMatch(changed);
  expect(whyUnvouched({ ...last, signature: last.signature.replace(/^..../, 'AAAA') }, ca.bundle)).toMatch(changed);
  expect(whyUnvouched({ ...last, signature: '' }, ca.bundle)).toMatch(/no base64url/);
  expect(whyUnvouched(last, other.bundle)).toMatch(/does not lead to a root/);
  expect(whyUnvouched(last, ca.bundle, Date.now() + 100 * 86_400_000)).toMatch(/has ended/);
  for (const uri of ['service/web', 'cellwall/server', 'cellwall/report']) {
    expect(await signedBy(`spiffe://td1/${uri}`)).toBe(
      `the checkpoint is signed by spiffe://td1/${uri}, which signs no checkpoints`,
    );
  }
  expect(await signedBy('spiffe://td1/cellwall/checkpoint')).toBe(undefined);
});

it('show the certificate again when it changed', async () => {
  const log = await open();
  const next = await controlPlaneSigner('td1');
  let signer = ca;
  log.signWith({ key: () => signer.key() });
  for (let turn = 0; turn < 4; turn += 1) {
    if (turn === 2) signer = next;
    await log.append(event);
    clock.advance(60_000);
    await expect.poll(() => count(log), { timeout: 4000, interval: 5 }).toBe(turn + 1);
  }
  const shown = (await log.read(50)).records.flatMap(({ event: one }) =>
    one.kind === 'checkpoint' ? [one.protected] : [],
  );
  expect(shown.map((header) => header !== undefined)).toEqual([true, false, true, false]);
});

it('are kept outside of it once a second; the last record at once', async () => {
  const log = await open();
  log.signWith(ca);
  const kept = () => readCheckpoint(entries.get('checkpoint of log-1'));
  await log.append(event);
  await new Promise((resolve) => setImmediate(resolve));
  expect([entries.get('head'), kept()]).toEqual([log.head(), undefined]);
  clock.advance(1000);
  await expect.poll(kept, { timeout: 4000, interval: 10 }).toMatchObject({ number: 1, hash: log.head().hash });
  await log.append(event);
  clock.advance(1000);
  await expect.poll(kept, { timeout: 4000, interval: 10 }).toMatchObject({ number: 2 });
});

it('know of an end that is cut off where only they are left', async () => {
  const log = await open();
  log.signWith(ca);
  await log.append(event);
  await log.append(event);
  await log.close();
  const text = readFileSync(join(folder, 'audit.jsonl'), 'utf8');
  expect(text.trimEnd().split('\n')).toHaveLength(3);
  rmSync(join(folder, 'audit.jsonl'));
  entries.set('head', { number: 1, hash: 'older' });
  const { brokenAt, records } = await (await open()).read(9);
  expect([brokenAt, records.map((one) => one.event.kind)]).toEqual([1, ['log-cut']]);
});

it('hold nothing up: a signer that fails, a table that is away', async () => {
  const log = await open();
  log.signWith({
    key: () => Promise.reject(new CellwallError('internal', 'no key')),
  });
  await log.append(event);
  clock.advance(60_000);
  await log.append(event);
  expect(await kinds(log)).toEqual([event.kind, event.kind]);
  await log.close();
  const away: Table = {
    ...createMemoryTable(),
    set: () => Promise.reject(new CellwallError('unavailable', 'away')),
    get: () => Promise.reject(new CellwallError('unavailable', 'away')),
  };
  const other = await open({ file: join(folder, 'other.jsonl'), table: away });
  other.signWith(ca);
  await other.append(event);
  await other.close();
  expect(await kinds(other)).toEqual([event.kind, 'checkpoint']);
});
