// Every route of the admin API, with every role and with none, over the port as bearer and as proof: allowed or refused exactly as the
// table of docs/admin-api.md says.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAllowed, type Role, roles } from '../../src/admin/caller.ts';
import { adminRoutes } from '../../src/admin/routes.ts';
import { type AccessRow, accessTable } from '../support/access-table.ts';
import { type AdminHarness, adminToken, startAdmin } from '../support/admin-harness.ts';
import { figure } from '../support/figure.ts';
import { provenRequest } from '../support/proven-request.ts';
import { meshText, serviceText, yaml } from '../support/resolve-text.ts';

let admin: AdminHarness;
const tokens = new Map<Role, string>();
let ended = '';
let revoked = '';

beforeAll(async () => {
  admin = await startAdmin();
  const { namedTokens } = admin.deps;
  const make = async (name: string, role: Role, ttlMs: number): Promise<string> =>
    (await namedTokens.create({ name, role, rawResources: false, author: 'test', ttlMs })).token.reveal();
  ended = await make('ended', 'admin', 1);
  admin.clock.advance(1);
  revoked = await make('revoked', 'admin', 1000);
  await namedTokens.revoke('revoked');
  for (const role of roles) tokens.set(role, await make(`a-${role}`, role, 1e12));
  await admin.call('/v1/apply', { body: { text: yaml(meshText(), serviceText('web')) } });
});

afterAll(() => admin.close());

/** The status, whatever else is wrong with the request; failures are not counted from one to the next. */
async function statusOf(
  { method, url }: AccessRow,
  token: string | undefined,
  how: 'bearer' | 'proof',
): Promise<number> {
  admin.clock.advance(60_000);
  const path = url.replace('*', 'Mesh/mesh');
  const body = method === 'POST' ? {} : undefined;
  if (how === 'proof' && token !== undefined) {
    return (await provenRequest(admin.address.port, token, [method, path], body)).status;
  }
  const who = token === undefined ? { anonymous: true } : { token };
  return (await admin.call(path, { method, ...(body === undefined ? {} : { body }), ...who })).status;
}

it('the table has every route there is, and no other', () => {
  const routes = adminRoutes(admin.deps).map(({ method, url }) => `${method} ${url}`);
  expect(accessTable.map(({ name }) => name).sort()).toEqual(routes.sort());
});

describe.each(accessTable)('$name', (row) => {
  it('is open to exactly those of the table', async () => {
    for (const how of ['bearer', 'proof'] as const) {
      for (const role of roles) {
        const status = await statusOf(row, tokens.get(role), how);
        // What is allowed is answered for what it asks: here often with 400, 404 or 422.
        if (row.allowed[role]) expect([200, 400, 404, 422], `${role} by ${how}`).toContain(status);
        else expect(status, `${role} by ${how}`).toBe(403);
      }
      expect([200, 400, 404, 422], `the data folder's token by ${how}`).toContain(await statusOf(row, adminToken, how));
    }
    const without = await statusOf(row, undefined, 'bearer');
    if (row.allowed.none) expect(without).toBe(200);
    else expect(without).toBe(401);
    for (const token of [
      ended,
      revoked,
      `${adminToken}x`,
      tokens.get('viewer')?.replace('a-viewer', 'a-admin') ?? '',
    ]) {
      expect(await statusOf(row, token, 'bearer')).toBe(row.allowed.none ? 200 : 401);
    }
    figure('routes', accessTable.length);
  });
});

it('no role is needed of a peer on this host for metrics only, and beyond it any', () => {
  const nobody = { name: 'anonymous', rawResources: false };
  expect(isAllowed('loopback', nobody, true)).toBe(true);
  expect(isAllowed('loopback', nobody, false)).toBe(false);
  for (const role of roles) expect(isAllowed('loopback', { ...nobody, role }, false)).toBe(true);
  expect(isAllowed('viewer', { ...nobody, role: 'scraper' }, true)).toBe(false);
  for (const role of roles) expect(isAllowed(role, nobody, true)).toBe(false);
});

it('what is no route is not there for nobody either', async () => {
  expect((await admin.call('/v1/nothing', { anonymous: true })).status).toBe(401);
  expect((await admin.call('/v1/nothing', { token: tokens.get('viewer') ?? '' })).status).toBe(404);
});
