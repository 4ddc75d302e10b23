// What waits for approval: listed, approved as it was looked at and by whom that may, rejected; in the history and in the audit log.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AdminDeps } from '../../src/admin/deps.ts';
import { createHeldChanges } from '../../src/admin/held-changes.ts';
import type { WaitingAnswer } from '../../src/admin/wire-waiting.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import type { DocumentKey } from '../../src/model/documents/document.ts';
import { createMemoryTable } from '../../src/store/memory-table.ts';
import type { RevisionChange } from '../../src/store/revision.ts';
import type { WaitingChange } from '../../src/store/waiting-change.ts';
import { type AdminHarness, adminToken, startAdmin } from '../support/admin-harness.ts';
import { runCli } from '../support/cli-harness.ts';
import { keyOf } from '../support/documents.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { meshText, policyText, serviceText, yaml } from '../support/resolve-text.ts';

const base = yaml(meshText(), serviceText('web'), serviceText('api'));
const key = keyOf('AuthorizationPolicy/api');
const allow = (from: string): string => yaml(policyText('api', 'api', 'allow', `[{from: [{service: ${from}}]}]`));

let admin: AdminHarness;

beforeEach(async () => {
  admin = await startAdmin();
  await admin.call('/v1/apply', { body: { text: base } });
});
afterEach(() => admin.close());

const hold = (changes: readonly RevisionChange[], author = 'ci'): Promise<WaitingChange> =>
  admin.deps.held.hold({ author, changes, reasons: ['it lets web in'] });
const waiting = async (): Promise<WaitingAnswer> => (await admin.call('/v1/waiting')).json() as WaitingAnswer;
const inForce = (key: DocumentKey) => admin.deps.store.state()?.documents.find((found) => found.key === key)?.text;
const events = async () => (await admin.deps.audit.read(50)).records.map(({ event }) => event);

describe('with --approve-by-others', () => {
  const limits: NonNullable<AdminDeps['limits']> = {
    beyond: (_, after) =>
      after.documents.some((document) => document.key === key)
        ? [{ severity: 'error', code: 'growth', message: 'too much', source: { file: key, line: 1, column: 1 } }]
        : [],
    held() {},
  };

  it('an author’s own confirmation of a change that is held does not count: another admin approves it', async () => {
    await admin.close();
    admin = await startAdmin({ limits, approveOwn: false });
    await admin.call('/v1/apply', { body: { text: base } });
    const body = { text: allow('web'), confirm: ['growth'] };
    const refused = await admin.call('/v1/apply', { body });
    expect([refused.status, refused.json()]).toEqual([
      412,
      expect.objectContaining({
        message: 'held until somebody else approves it, 1 reason: nothing was changed',
        hint: expect.stringMatching(/^if it is meant, ask another admin: cellwall approve [0-9a-f]{12} /),
      }),
    ]);
    expect(inForce(key)).toBeUndefined();
    const dry = await admin.call('/v1/apply', { body: { ...body, dryRun: true } });
    expect(dry.json()).toMatchObject({ kind: 'dry-run', held: [{ code: 'growth' }], byOthers: true });
    const [{ rev } = { rev: '' }] = (await waiting()).waiting;
    expect((await admin.call('/v1/waiting/approve', { body: { revs: [rev] } })).status).toBe(403);
    expect(await events()).not.toContainEqual(expect.objectContaining({ kind: 'change-confirmed' }));
    // The same change by somebody else, who wrote it themselves.
    const theirs = await admin.deps.held.hold({
      author: 'ci',
      changes: [{ key, after: allow('web') }],
      reasons: ['growth: too much'],
    });
    expect((await admin.call('/v1/waiting/approve', { body: { revs: [theirs.rev] } })).json()).toMatchObject({
      kind: 'applied',
    });
    expect(inForce(key)).toBe(allow('web'));
  });

  it('what is too large to wait is not made by its author either', async () => {
    await admin.close();
    const held: AdminDeps['held'] = {
      ...createHeldChanges({ table: createMemoryTable(createFakeClock()), clock: createFakeClock() }),
    };
    const full = { ...held, hold: () => Promise.reject(new CellwallError('resource_exhausted', 'full')) };
    admin = await startAdmin({ limits, approveOwn: false, held: full });
    await admin.call('/v1/apply', { body: { text: base } });
    const refused = await admin.call('/v1/apply', { body: { text: allow('web'), confirm: ['growth'] } });
    expect(refused.json()).toMatchObject({ hint: expect.stringContaining('smaller changes') });
    expect(inForce(key)).toBeUndefined();
  });
});

describe('approval', () => {
  it('puts in force what was listed, as its author, with who approved it', async () => {
    const { rev } = await hold([{ key, after: allow('web') }]);
    expect(await waiting()).toMatchObject({
      revision: 1,
      waiting: [{ rev, origin: 'held', author: 'ci', reasons: ['it lets web in'], changes: [{ key, op: 'create' }] }],
    });
    const reply = await admin.call('/v1/waiting/approve', { body: { revs: [rev], reason: 'looked at' } });
    expect(reply.json()).toMatchObject({ kind: 'applied', revision: 2, changed: [key] });
    expect(inForce(key)).toBe(allow('web'));
    expect((await waiting()).waiting).toEqual([]);
    const { revisions } = (await admin.call('/v1/history')).json() as { revisions: readonly unknown[] };
    expect(revisions[0]).toMatchObject({ author: 'ci', approvedBy: 'operator', reason: 'looked at' });
    expect(await events()).toContainEqual(
      expect.objectContaining({ kind: 'change-approved', author: 'operator', by: 'ci', revs: [rev], revision: 2 }),
    );
    // Once.
    expect((await admin.call('/v1/waiting/approve', { body: { revs: [rev] } })).status).toBe(404);
  });

  it('is bound to the bytes: not what was changed in force, nor what is written anew under the same key', async () => {
    const { rev } = await hold([{ key, after: allow('web') }]);
    await admin.call('/v1/apply', { body: { text: allow('api') } });
    const reply = await admin.call('/v1/waiting/approve', { body: { revs: [rev] } });
    expect(reply.status).toBe(409);
    expect(inForce(key)).toBe(allow('api'));
    const other = await hold([{ key, before: allow('api'), after: allow('web') }]);
    expect(other.rev).not.toBe(rev);
    // What lets everybody in has another name than what was looked at.
    const wider = await hold([{ key, before: allow('api'), after: `${allow('web')}# wider\n` }]);
    expect(wider.rev).not.toBe(other.rev);
  });

  it('of all is bound to all that was listed', async () => {
    await hold([{ key, after: allow('web') }]);
    const { all } = await waiting();
    await hold([
      {
        key: keyOf('AuthorizationPolicy/late'),
        after: yaml(policyText('late', 'api', 'allow', '[{from: [{everyone: true}]}]')),
      },
    ]);
    expect((await admin.call('/v1/waiting/approve', { body: { revs: [all] } })).status).toBe(404);
    expect(inForce(key)).toBeUndefined();
    const now = await waiting();
    expect((await admin.call('/v1/waiting/approve', { body: { revs: [now.all] } })).json()).toMatchObject({
      kind: 'applied',
      changed: expect.arrayContaining([key, 'AuthorizationPolicy/late']),
    });
  });

  it('of what is not valid any more says so, and changes nothing', async () => {
    const { rev } = await hold([{ key, after: allow('web') }]);
    await admin.call('/v1/apply', { body: { changes: [{ op: 'delete', key: 'Service/web' }] } });
    const reply = await admin.call('/v1/waiting/approve', { body: { revs: [rev] } });
    expect(reply.status).toBe(422);
    expect((await waiting()).waiting).toHaveLength(1);
  });

  it('tries again when somebody else changes another document meanwhile, and two at once put it in force once', async () => {
    const { rev } = await hold([{ key, after: allow('web') }]);
    const others = Array.from({ length: 5 }, (_, index) =>
      admin.call('/v1/apply', { body: { text: yaml(serviceText(`other-${index}`)) } }),
    );
    const two = await Promise.all([1, 2].map(() => admin.call('/v1/waiting/approve', { body: { revs: [rev] } })));
    await Promise.all(others);
    expect(two.map(({ status }) => status)).toContain(200);
    expect(inForce(key)).toBe(allow('web'));
    const { revisions } = (await admin.call('/v1/history')).json() as { revisions: readonly { approvedBy?: string }[] };
    expect(revisions.filter(({ approvedBy }) => approvedBy !== undefined)).toHaveLength(1);
  });

  it('needs the role admin, and another person where that is configured', async () => {
    const named = async (name: string, role: 'editor' | 'admin') =>
      (
        await admin.deps.namedTokens.create({ name, role, rawResources: false, author: 'test', ttlMs: 1e9 })
      ).token.reveal();
    const [editor, ci, ann] = [await named('ed', 'editor'), await named('ci', 'admin'), await named('ann', 'admin')];
    const { rev } = await hold([{ key, after: allow('web') }]);
    const approve = (to: AdminHarness, token: string) =>
      to.call('/v1/waiting/approve', { body: { revs: [rev] }, token });
    expect((await approve(admin, editor)).status).toBe(403);
    const { clock: _, ...deps } = admin.deps;
    const strict = await startAdmin({ ...(deps satisfies Partial<AdminDeps>), approveOwn: false });
    expect((await approve(strict, ci)).status).toBe(403);
    expect((await approve(strict, ann)).json()).toMatchObject({ kind: 'applied' });
    await strict.close();
  });
});

it('a rejected change is gone, with who rejected it', async () => {
  const { rev } = await hold([{ key, after: allow('web') }]);
  const reply = await admin.call('/v1/waiting/reject', { body: { revs: [rev], reason: 'no' } });
  expect(reply.json()).toEqual({ rejected: [rev], keys: [key] });
  expect((await waiting()).waiting).toEqual([]);
  expect(inForce(key)).toBeUndefined();
  expect(await events()).toContainEqual(
    expect.objectContaining({ kind: 'change-rejected', author: 'operator', by: 'ci', keys: [key], reason: 'no' }),
  );
});

it('the command lists, approves and rejects; names and texts are escaped', async () => {
  const env = { CELLWALL_ADMIN: `127.0.0.1:${admin.address.port}`, CELLWALL_ADMIN_TOKEN: adminToken };
  const cellwall = (...args: string[]) => runCli(args, { env, clock: admin.clock });
  expect((await cellwall('waiting')).stdout).toBe('nothing waits for approval\n');
  const { rev } = await hold([{ key, after: allow('web') }], 'ci\u001b[31m');
  const { stdout } = await cellwall('waiting');
  expect(stdout).toMatch(
    new RegExp(`^REV .*\n${rev} +now +ci\\S*\\[31m +create ${key}\n\n${rev} waits:\n {2}it lets web in\n`),
  );
  expect(stdout).not.toContain('\u001b');
  expect((await cellwall('approve', rev, '--dry-run')).stdout).toContain(
    `would change 1 (revision 1)\n  create ${key}`,
  );
  expect((await cellwall('approve', rev)).stdout).toBe(`approved 1 (revision 2)\n  ${key}\n`);
  expect((await cellwall('history')).stdout).toContain('apply, approved by operator');
  expect(await cellwall('reject', rev)).toMatchObject({ code: 1, stderr: expect.stringContaining('nothing waits as') });
});

it('what is held is limited in number and size, and forgotten after a week', async () => {
  const clock = createFakeClock();
  const held = createHeldChanges({ table: createMemoryTable(clock), clock });
  const one = (text: string) => held.hold({ author: 'ci', changes: [{ key, after: text }], reasons: [] });
  await expect(one('x'.repeat(4 << 20))).rejects.toMatchObject({ code: 'resource_exhausted' });
  for (let index = 0; index < 100; index++) await one(`text ${index}`);
  await expect(one('more')).rejects.toMatchObject({ code: 'resource_exhausted' });
  expect(await one('text 7')).toMatchObject({ rev: expect.stringMatching(/^[0-9a-f]{12}$/) });
  clock.advance(7 * 86_400_000 + 1);
  expect(await held.list()).toEqual([]);
});
