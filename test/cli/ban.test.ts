// `cellwall ban`, `unban`, `token list` and `node history` as people read them.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BanQuery } from '../../src/control/banning.ts';
import { type AdminHarness, adminToken, startAdmin } from '../support/admin-harness.ts';
import { type CliResult, runCli } from '../support/cli-harness.ts';

const nodeKey = 'ab'.repeat(32);
const ban = { target: { kind: 'host', nodeKey }, spiffeId: 'spiffe://td1/service/api' } as const;
const asked: BanQuery[] = [];
let admin: AdminHarness;

beforeAll(async () => {
  admin = await startAdmin({
    bans: {
      list: () => [{ ...ban, author: 'ann', reason: 'key stolen', at: admin.clock.now() - 60_000, until: 0 }],
      waiting: async () => ['spiffe://td1/service/web~a'],
      async ban(query, { author }) {
        asked.push(query);
        return { ban: { ...ban, author, at: 0, until: 0 }, proxies: ['one'] };
      },
      async lift(query) {
        asked.push(query);
        return undefined;
      },
    },
  });
});
afterAll(() => admin.close());

function cellwall(...args: readonly string[]): Promise<CliResult> {
  const env = { CELLWALL_ADMIN: `127.0.0.1:${admin.address.port}`, CELLWALL_ADMIN_TOKEN: adminToken };
  return runCli(args, { env, clock: admin.clock });
}

test.each([
  [['ban', 'spiffe://td1/service/api'], { kind: 'identity', spiffeId: 'spiffe://td1/service/api' }],
  [['ban', '--node', 'ABABABABABAB'.toLowerCase()], { kind: 'node', node: 'abababababab' }],
  [['ban', '--node', 'td1/service/api~a'], { kind: 'node', node: 'spiffe://td1/service/api~a' }],
  [['ban', '--serial', 'AB:CD'], { kind: 'serial', serial: 'abcd' }],
  [['unban', '--node', 'abababababab'], { kind: 'node', node: 'abababababab' }],
])('%j', async (args, query) => {
  asked.length = 0;
  expect(await cellwall(...args, '--reason', 'trial')).toMatchObject({ code: 0 });
  expect(asked).toEqual([query]);
});

test.each([[['ban']], [['ban', 'api', '--serial', 'ab']], [['unban']], [['token', 'revoke', 'short']]])(
  '%j is refused',
  async (args) => {
    expect((await cellwall(...args)).code).toBe(1);
  },
);

test('who is banned, by whom, why, and where not yet', async () => {
  const { stdout } = await cellwall('ban', 'list');
  expect(stdout).toMatch(
    /host abababababababab of spiffe:\/\/td1\/service\/api +1m ago +ann +control plane .* key stolen/,
  );
  expect(stdout).toContain('not yet at 1 of the proxies: spiffe://td1/service/web~a');
  expect((await cellwall('status')).stdout).toContain('1, NOT YET refused by spiffe://td1/service/web~a');
  expect((await cellwall('token', 'list')).stdout).toContain('1 of 2');
  expect((await cellwall('node', 'history')).stdout).toMatch(
    /abababababababab +spiffe:\/\/td1\/service\/api +join-token +10\.0\.0\.1/,
  );
});
