// What the routes do: apply, diff, documents, explain, tokens, certificates, status; and how failures are told.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ApplyAnswer, DiffAnswer, ErrorBody } from '../../src/admin/wire.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import { parseSpiffeId } from '../../src/model/spiffe-id.ts';
import type { Store, StoreEvent } from '../../src/store/store.ts';
import { type AdminHarness, startAdmin } from '../support/admin-harness.ts';
import { meshText, policyText, serviceText, yaml } from '../support/resolve-text.ts';

const base = yaml(meshText(), serviceText('web'), serviceText('api'));
const allow = yaml(policyText('api', 'api', 'allow', '[{from: [{service: web}]}]'));

let admin: AdminHarness;

beforeEach(async () => {
  admin = await startAdmin();
});

afterEach(async () => {
  await admin.close();
});

const apply = async (body: object): Promise<ApplyAnswer> => {
  const reply = await admin.call('/v1/apply', { body });
  expect(reply.status, reply.text).toBe(200);
  return reply.json() as ApplyAnswer;
};

describe('apply', () => {
  it('puts files in force, tells what changed, and does nothing the second time', async () => {
    const first = await apply({ files: [{ file: 'mesh.yaml', text: base }] });
    expect(first).toMatchObject({ kind: 'applied', changed: ['Mesh/mesh', 'Service/web', 'Service/api'] });
    expect(
      admin.deps.store
        .state()
        ?.documents.map(({ key }) => key)
        .sort(),
    ).toEqual(['Mesh/mesh', 'Service/api', 'Service/web']);
    const second = await apply({ text: base });
    expect(second).toMatchObject({ kind: 'unchanged', revision: first.revision, changed: [] });
  });

  it('says when the request was there and when the store had it, to the fraction of a millisecond', async () => {
    const before = performance.timeOrigin + performance.now();
    const { receivedAt, acceptedAt } = await apply({ text: base });
    const after = performance.timeOrigin + performance.now();
    expect(before).toBeLessThan(receivedAt);
    expect(receivedAt).toBeLessThan(acceptedAt);
    expect(acceptedAt).toBeLessThan(after);
    expect(Number.isInteger(acceptedAt)).toBe(false);
  });

  it('refuses invalid documents with the file and line that were sent, and changes nothing', async () => {
    const { revision } = await apply({ text: base });
    const broken = yaml(policyText('api', 'apii', 'allow', '[{from: [{service: web}]}]'));
    const reply = await admin.call('/v1/apply', { body: { files: [{ file: 'dir/bad.yaml', text: broken }] } });
    expect(reply.status).toBe(422);
    expect(reply.json()).toMatchObject({
      code: 'invalid_documents',
      problems: [
        {
          severity: 'error',
          message: expect.stringContaining('apii'),
          hint: expect.stringContaining('api'),
          source: { file: 'dir/bad.yaml', line: 4 },
        },
      ],
    });
    expect(admin.deps.store.state()?.revision).toBe(revision);
  });

  it('reports every problem of every file at once', async () => {
    const files = ['a.yaml', 'b.yaml'].map((file) => ({ file, text: 'kind: Servise\n' }));
    const reply = await admin.call('/v1/apply', { body: { files } });
    const { problems = [] } = reply.json() as ErrorBody;
    expect(new Set(problems.map(({ source }) => source.file))).toEqual(new Set(['a.yaml', 'b.yaml']));
    expect(problems).toHaveLength(4);
  });

  it('hands urgency on, and takes changes as the store does', async () => {
    const events: StoreEvent[] = [];
    admin.deps.store.watch((event) => events.push(event));
    await apply({ text: base });
    await apply({ changes: [{ op: 'put', key: 'AuthorizationPolicy/api', text: allow }], urgent: true });
    await apply({ changes: [{ op: 'delete', key: 'AuthorizationPolicy/api' }] });
    expect(events.map((event) => event.kind === 'state' && event.urgent)).toEqual([false, true, false]);
    expect(admin.deps.store.state()?.documents).toHaveLength(3);
  });

  it('refuses a key that the text does not have', async () => {
    await apply({ text: base });
    const changes = [{ op: 'put', key: 'Service/other', text: yaml(serviceText('web')) }];
    const reply = await admin.call('/v1/apply', { body: { changes } });
    expect(reply.status).toBeGreaterThanOrEqual(400);
    expect(reply.status).toBeLessThan(500);
    expect(admin.deps.store.state()?.revision).toBe(1);
  });

  it('answers a conflict with 409', async () => {
    const { revision } = await apply({ text: base });
    const reply = await admin.call('/v1/apply', { body: { text: allow, expectedRevision: revision - 1 } });
    expect(reply.status).toBe(409);
    expect(reply.json()).toMatchObject({ code: 'aborted' });
    expect(await apply({ text: allow, expectedRevision: revision })).toMatchObject({ kind: 'applied' });
  });

  it('only looks when dry', async () => {
    await apply({ text: base });
    const answer = await apply({ text: allow, dryRun: true });
    expect(answer).toMatchObject({ kind: 'dry-run', revision: 1, changed: ['AuthorizationPolicy/api'] });
    expect(admin.deps.store.state()?.revision).toBe(1);
    const broken = yaml(policyText('api', 'nobody', 'allow', '[{from: [{service: web}]}]'));
    expect((await admin.call('/v1/apply', { body: { text: broken, dryRun: true } })).status).toBe(422);
  });

  it('warns of what it causes, once, in the words of the sender', async () => {
    await apply({ text: base });
    const idle = yaml(policyText('api', 'api', 'allow', '[{from: [{spiffeId: "spiffe://td1/nobody"}]}]'));
    const { warnings } = await apply({ files: [{ file: 'idle.yaml', text: idle }] });
    expect(warnings).toMatchObject([{ severity: 'warning', source: { file: 'idle.yaml' } }]);
    // An unrelated change does not repeat it.
    expect((await apply({ text: yaml(serviceText('other')) })).warnings).toEqual([]);
  });

  it('needs something to apply', async () => {
    expect((await admin.call('/v1/apply', { body: {} })).status).toBe(400);
  });
});

describe('diff', () => {
  it('tells creations, updates and deletions, and changes nothing', async () => {
    await apply({ text: base });
    const text = yaml(serviceText('web', 'http2'), serviceText('new'));
    const body = { text, changes: [{ op: 'delete', key: 'Service/api' }] };
    const reply = await admin.call('/v1/diff', { body });
    const answer = reply.json() as DiffAnswer;
    expect(answer.differences.map(({ op, key }) => `${op} ${key}`)).toEqual([
      'delete Service/api',
      'update Service/web',
      'create Service/new',
    ]);
    expect(answer.differences[1]).toMatchObject({
      before: expect.stringContaining('http1'),
      after: expect.stringContaining('http2'),
    });
    expect(admin.deps.store.state()?.revision).toBe(1);
  });

  it('is empty for what is in force', async () => {
    await apply({ text: base });
    expect((await admin.call('/v1/diff', { body: { text: base } })).json()).toMatchObject({ differences: [] });
  });
});

describe('documents', () => {
  it('are listed, by kind, and one by one', async () => {
    await apply({ text: base });
    const all = (await admin.call('/v1/documents')).json();
    expect(all).toMatchObject({ revision: 1, documents: { length: 3 } });
    const services = (await admin.call('/v1/documents?kind=Service')).json();
    expect(services).toMatchObject({ documents: { length: 2 } });
    const one = (await admin.call('/v1/documents/Service/web')).json();
    expect(one).toMatchObject({ key: 'Service/web', kind: 'Service', text: expect.stringContaining('name: web') });
    expect((await admin.call('/v1/documents/Service/none')).status).toBe(404);
  });
});

describe('explain', () => {
  it('answers from the policy that is in force', async () => {
    await apply({ text: `${base}---\n${allow}` });
    const yes = (await admin.call('/v1/explain?caller=web&target=api&method=get&path=/x')).json();
    expect(yes).toMatchObject({ decision: 'allowed', rule: 'api/0', document: 'AuthorizationPolicy/api' });
    const no = (await admin.call('/v1/explain?caller=anonymous&target=api')).json();
    expect(no).toMatchObject({ decision: 'denied', stage: 'handshake' });
    expect((await admin.call('/v1/explain?caller=web&target=nobody')).status).toBe(404);
    expect((await admin.call('/v1/explain?caller=spiffe:x&target=api')).status).toBe(400);
    expect((await admin.call('/v1/explain?caller=web')).status).toBe(400);
    expect((await admin.call('/v1/explain?request=nobody-knows-it')).status).toBe(404);
  });
});

describe('identity', () => {
  beforeEach(async () => {
    await apply({ text: base });
  });

  it('makes join tokens for services and SPIFFE IDs', async () => {
    const reply = await admin.call('/v1/tokens', { body: { service: 'web', ttl: '1m' } });
    expect(reply.json()).toEqual({
      id: 'ab'.repeat(6),
      token: 'token-for-spiffe://td1/service/web',
      spiffeId: 'spiffe://td1/service/web',
      expiresAt: admin.clock.now() + 60_000,
    });
    const other = await admin.call('/v1/tokens', { body: { spiffeId: 'spiffe://td1/job' } });
    expect(other.json()).toMatchObject({ spiffeId: 'spiffe://td1/job', expiresAt: admin.clock.now() + 600_000 });
  });

  it.each([
    [{}, 400],
    [{ service: 'web', spiffeId: 'spiffe://td1/job' }, 400],
    [{ service: 'nobody' }, 404],
    [{ spiffeId: 'spiffe://td1/../x' }, 400],
    [{ service: 'web', ttl: '25h' }, 400],
    [{ service: 'web', ttl: '0s' }, 400],
    [{ service: 'web', ttl: '1 hour' }, 400],
  ])('refuses a token for %j', async (body, status) => {
    expect((await admin.call('/v1/tokens', { body })).status).toBe(status);
  });

  it('rotates one identity, or all', async () => {
    const asked: (string | undefined)[] = [];
    const other = await startAdmin({
      store: admin.deps.store,
      rotate(id) {
        asked.push(id);
        return { rotated: 2 };
      },
    });
    try {
      for (const selector of ['web', 'spiffe://td1/job']) {
        const reply = await other.call('/v1/certificates/rotate', { body: { selector } });
        expect(reply.json()).toEqual({ rotated: 2 });
      }
      await other.call('/v1/certificates/rotate', { body: {} });
      expect(asked).toEqual(['spiffe://td1/service/web', 'spiffe://td1/job', undefined]);
    } finally {
      await other.close();
    }
  });
});

describe('failures', () => {
  it('are told by status, code and hint, and what is unexpected says nothing of the inside', async () => {
    const broken = (reason: Error): Store => ({
      ...admin.deps.store,
      apply: () => Promise.reject(reason),
    });
    const cases = [
      [new CellwallError('unavailable', 'Redis is away', { hint: 'wait' }), 503, 'unavailable'],
      [new CellwallError('failed_precondition', 'read-only'), 412, 'failed_precondition'],
      [new Error('password=hunter2'), 500, 'internal'],
    ] as const;
    for (const [reason, status, code] of cases) {
      const other = await startAdmin({ store: broken(reason) });
      try {
        const reply = await other.call('/v1/apply', { body: { text: base } });
        expect(reply.status).toBe(status);
        expect(reply.json()).toMatchObject({ code });
        expect(reply.text).not.toContain('hunter2');
        // A stack only for what nobody expected.
        expect(other.logged.some((line) => line.startsWith('admin request failed'))).toBe(status === 500);
      } finally {
        await other.close();
      }
    }
  });

  it('of readiness are 503 with the reasons', async () => {
    const other = await startAdmin({ ready: () => ({ ready: false, reasons: ['no documents'] }) });
    try {
      const reply = await other.call('/readyz', { anonymous: true });
      expect(reply.status).toBe(503);
      expect(reply.json()).toEqual({ ready: false, reasons: ['no documents'] });
    } finally {
      await other.close();
    }
  });
});

describe('status', () => {
  it('counts proxies and those that reject', async () => {
    const spiffeId = parseSpiffeId('spiffe://td1/service/web');
    if (spiffeId === undefined) throw new Error('not a SPIFFE ID');
    const proxy = { spiffeId, since: 0, ready: true, types: [] };
    const nack = { typeUrl: 't', nack: { revision: 3, message: 'no', resources: [] } };
    const other = await startAdmin({
      proxies: () => [
        { ...proxy, node: 'a', state: 'connected' },
        { ...proxy, node: 'b', state: 'connected', types: [nack] },
        { ...proxy, node: 'c', state: 'held' },
      ],
    });
    try {
      expect((await other.call('/v1/status')).json()).toMatchObject({
        version: '9.9.9',
        trustDomain: 'td1',
        proxies: { connected: 2, held: 1, gone: 0, rejecting: 1 },
      });
      expect((await other.call('/v1/proxies')).json()).toMatchObject({
        proxies: [{ node: 'a' }, { types: [nack] }, {}],
      });
    } finally {
      await other.close();
    }
  });
});
