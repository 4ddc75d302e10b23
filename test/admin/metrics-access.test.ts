// Metrics: whoever is on this host reads them without a credential, but for what names proxies and who calls whom.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type AdminHarness, startAdmin } from '../support/admin-harness.ts';

let admin: AdminHarness;
beforeAll(async () => {
  admin = await startAdmin({ metrics: async (named) => (named ? 'all of them' : 'those that name nobody') });
});
afterAll(() => admin.close());

const scrape = async (call: { readonly token?: string; readonly anonymous?: boolean }) => {
  const { status, text } = await admin.call('/metrics', call);
  return [status, text];
};

it('are all there for any role, a scraper too, and for nobody else', async () => {
  for (const role of ['scraper', 'viewer', 'editor', 'admin'] as const) {
    const more = { rawResources: false, author: 'test', ttlMs: 60_000 };
    const { token } = await admin.deps.namedTokens.create({ name: `a-${role}`, role, ...more });
    expect(await scrape({ token: token.reveal() })).toEqual([200, 'all of them']);
  }
  expect(await scrape({})).toEqual([200, 'all of them']);
  expect(await scrape({ anonymous: true })).toEqual([200, 'those that name nobody']);
});

it('a token that was revoked, or never was one, opens nothing more, and is on record like any other', async () => {
  await admin.deps.namedTokens.revoke('a-scraper');
  expect(await scrape({ token: 'not-a-token' })).toEqual([200, 'those that name nobody']);
  const { records } = await admin.deps.audit.read(100, ({ kind }) => kind === 'admin-refused');
  expect(records).toHaveLength(1);
});
