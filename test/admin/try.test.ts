// How calls would be decided with a change, before it is made.
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TriedAnswer } from '../../src/admin/wire-try.ts';
import { type AdminHarness, startAdmin } from '../support/admin-harness.ts';
import { meshText, policyText, serviceText, yaml } from '../support/resolve-text.ts';

let admin: AdminHarness;
const policy = (from: string): string => yaml(policyText('api', 'api', 'allow', `[{from: [{service: ${from}}]}]`));

beforeAll(async () => {
  admin = await startAdmin();
  const text = `${yaml(meshText(), serviceText('api'), serviceText('web'), serviceText('job'))}---\n${policy('web')}`;
  expect((await admin.call('/v1/apply', { body: { text } })).status).toBe(200);
});

afterAll(() => admin.close());

async function tried(body: object): Promise<readonly string[]> {
  const reply = await admin.call('/v1/try', { body });
  expect(reply.status).toBe(200);
  return (reply.json() as TriedAnswer).calls.map(({ before, after }) => `${before.decision} ${after.decision}`);
}

const calls = [
  { caller: 'web', target: 'api' },
  { caller: 'job', target: 'api', method: 'POST', path: '/x' },
];

it('each call is decided as it is in force, and with the change, which is not made', async () => {
  expect(await tried({ calls })).toEqual(['allowed allowed', 'denied denied']);
  expect(await tried({ calls, text: policy('job') })).toEqual(['allowed denied', 'denied allowed']);
  expect(await tried({ calls })).toEqual(['allowed allowed', 'denied denied']);
  expect(admin.deps.store.state()?.revision).toBe(1);
});

it('what a change deletes, or has yet to make, is unknown without it or with it, with the reason', async () => {
  const changes = [{ op: 'delete', key: 'AuthorizationPolicy/api' }];
  expect(await tried({ calls, changes })).toEqual(['allowed denied', 'denied denied']);
  const later = { calls: [{ caller: 'web', target: 'later' }], text: yaml(serviceText('later')) };
  const { calls: answers } = (await admin.call('/v1/try', { body: later })).json() as TriedAnswer;
  expect(answers[0]).toMatchObject({
    before: { decision: 'unknown', reason: expect.stringContaining('later') },
    after: { decision: 'denied' },
  });
});

it('a change that is not valid is refused with its lines; so are no calls, and more than fifty', async () => {
  const wrong = await admin.call('/v1/try', { body: { calls, text: policy('nobody') } });
  expect(wrong).toMatchObject({ status: 422 });
  expect(wrong.json()).toMatchObject({ problems: [{ severity: 'error', source: { line: expect.any(Number) } }] });
  for (const count of [0, 51]) {
    const many = Array.from({ length: count }, () => calls[0]);
    expect((await admin.call('/v1/try', { body: { calls: many } })).status, `${count}`).toBe(400);
  }
});
