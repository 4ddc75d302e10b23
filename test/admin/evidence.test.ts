// Whatever changes something through the admin API is on record, with who did it and why: every route that there is. One that changes
// nothing says so here.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { adminRoutes } from '../../src/admin/routes.ts';
import type { AuditEvent } from '../../src/audit/audit-event.ts';
import { type AdminHarness, startAdmin } from '../support/admin-harness.ts';
import { keyOf } from '../support/documents.ts';
import { meshText, serviceText, yaml } from '../support/resolve-text.ts';

interface Evidence {
  readonly kinds: readonly AuditEvent['kind'][];
  readonly body: object | ((admin: AdminHarness) => Promise<object>);
}

const reason = 'because it is due';
const nodeKey = 'ab'.repeat(32);
const base = yaml(meshText(), serviceText('web'));
/** As if somebody else had made a change that waits. */
const held = (name: string) => async (admin: AdminHarness) => {
  const changes = [{ key: keyOf(`Service/${name}`), after: yaml(serviceText(name)) }] as const;
  return { revs: [(await admin.deps.held.hold({ author: 'ci', changes, reasons: ['growth'] })).rev] };
};

const evidence: Readonly<Record<string, Evidence | 'changes nothing' | 'elsewhere'>> = {
  // Who signs in is on record whatever is asked first: test/admin/signed-in.test.ts.
  '/v1/session': 'elsewhere',
  '/v1/session/code': 'elsewhere',
  '/v1/session/end': 'elsewhere',
  '/v1/diff': 'changes nothing',
  '/v1/simulate': 'changes nothing',
  '/v1/try': 'changes nothing',
  '/v1/apply': { kinds: ['documents-applied'], body: { text: yaml(serviceText('api')) } },
  '/v1/rollback': { kinds: ['documents-applied', 'rolled-back'], body: {} },
  '/v1/waiting/approve': { kinds: ['documents-applied', 'change-approved'], body: held('approved') },
  '/v1/waiting/reject': { kinds: ['change-rejected'], body: held('rejected') },
  '/v1/hosts/evict': { kinds: ['host-evicted'], body: { target: 'spiffe://td1/service/web' } },
  '/v1/bans': { kinds: ['banned'], body: { identity: 'web' } },
  '/v1/bans/lift': { kinds: ['unbanned'], body: { identity: 'web' } },
  // Each phase is recorded as it begins, with who asked for it and why: test/serve/trail.test.ts.
  '/v1/ca/rotate': 'elsewhere',
  '/v1/ca/rotate/abort': { kinds: ['root-rotation'], body: {} },
  '/v1/tokens': { kinds: ['token-created'], body: { service: 'web' } },
  '/v1/tokens/revoke': { kinds: ['token-revoked'], body: { id: 'ab'.repeat(6) } },
  '/v1/envoy/log-levels': {
    kinds: ['log-levels-set'],
    body: { proxy: 'td1/service/web~a', levels: { http: 'debug' } },
  },
  '/v1/certificates/rotate': { kinds: ['certificates-rotated'], body: {} },
  '/v1/admin-tokens': { kinds: ['admin-token-created'], body: { name: 'bob', role: 'viewer', ttl: '1h' } },
  '/v1/admin-tokens/revoke': { kinds: ['admin-token-revoked'], body: { name: 'bob' } },
};

let admin: AdminHarness;
let ann: string;
beforeAll(async () => {
  const banned = { target: { kind: 'host', nodeKey }, author: 'ann', at: 0, until: 0 } as const;
  admin = await startAdmin({
    sentTo: (node) => ({ node, revision: 1, resources: [] }),
    logLevels: async () => 1,
    hosts: { list: async () => [], history: async () => [], evict: async () => ({ nodeKeys: [nodeKey], proxies: [] }) },
    bans: {
      ...{ list: () => [], waiting: async () => [], ban: async () => ({ ban: banned, proxies: [] }) },
      lift: async () => banned,
    },
  });
  const made = await admin.deps.namedTokens.create({
    ...{ name: 'ann', role: 'admin', rawResources: false, author: 'test', ttlMs: 1e12 },
  });
  ann = made.token.reveal();
  await admin.call('/v1/apply', { body: { text: base } });
});
afterAll(() => admin.close());

it('names every route that is no question', () => {
  const routes = adminRoutes(admin.deps).flatMap(({ method, url }) => (method === 'GET' ? [] : [url]));
  expect(Object.keys(evidence).toSorted()).toEqual(routes.toSorted());
});

it.each(Object.entries(evidence))('%s', async (url, expected) => {
  if (expected === 'elsewhere') return;
  const events = async () => (await admin.deps.audit.read(1000)).records.map(({ event }) => event);
  const before = (await events()).length;
  const also = url === '/v1/try' ? { calls: [{ caller: 'web', target: 'web' }] } : {};
  const { kinds, body } = expected === 'changes nothing' ? { kinds: [], body: { text: base, ...also } } : expected;
  const given = typeof body === 'function' ? await body(admin) : body;
  const why = expected === 'changes nothing' ? {} : { reason };
  const answer = await admin.call(url, { body: { ...given, ...why }, token: ann });
  expect([url, answer.status, answer.text]).toEqual([url, 200, expect.any(String)]);
  const found = (await events()).slice(before).filter(({ kind }) => kind !== 'admin-signed-in');
  expect(found.map(({ kind }) => kind)).toEqual(kinds);
  // What waited is still its author's; who put it in force is in the record of that.
  const own = found.filter(({ kind }) => url !== '/v1/waiting/approve' || kind === 'change-approved');
  for (const event of own) expect(event).toMatchObject({ author: 'ann', reason });
});

it('a change that is held is on record once, with who wrote it, what it is and why it waits', async () => {
  const problem = { severity: 'error', code: 'growth', message: 'too much' } as const;
  const limited = await startAdmin({
    limits: {
      beyond: (_, { documents }) =>
        documents.length > 2 ? [{ ...problem, source: { file: 'Service/api', line: 1, column: 1 } }] : [],
      held() {},
    },
  });
  try {
    await limited.call('/v1/apply', { body: { text: base } });
    for (let times = 0; times < 2; times += 1) {
      expect((await limited.call('/v1/apply', { body: { text: yaml(serviceText('api')) } })).status).toBe(412);
    }
    const waits = (await limited.deps.audit.read(100)).records.flatMap(({ event }) =>
      event.kind === 'change-waits' ? [event] : [],
    );
    expect(waits).toEqual([
      {
        ...{ kind: 'change-waits', author: 'operator', rev: expect.stringMatching(/^[0-9a-f]{12,}$/) },
        ...{ keys: ['Service/api'], reasons: ['growth: too much'] },
      },
    ]);
  } finally {
    await limited.close();
  }
});
