// A change that is held, as people see it on the command line: why, and the words that make it.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { beyondLimits } from '../../src/limits/beyond.ts';
import { limitsOf } from '../../src/limits/limits.ts';
import { type AdminHarness, adminToken, startAdmin } from '../support/admin-harness.ts';
import { type CliResult, runCli } from '../support/cli-harness.ts';
import { meshText, policyText, serviceText, yaml } from '../support/resolve-text.ts';

const policy = (to: string): string =>
  yaml(policyText('api', 'api', 'allow', `[{from: [{authenticated: true}]${to}}]`));
const names = Array.from({ length: 12 }, (_, index) => `web-${index}`);

let admin: AdminHarness;
let counted: string[];

beforeEach(async () => {
  counted = [];
  admin = await startAdmin({
    limits: {
      beyond: (before, after) => beyondLimits(before, after, limitsOf()),
      held: (reasons) => counted.push(...reasons.map(({ code }) => code)),
    },
  });
  const services = names.map((name) => serviceText(name));
  const text = `${yaml(meshText(), serviceText('api'), ...services)}---\n${policy(', to: [{methods: [GET]}]')}`;
  expect((await cellwall(['apply', '-f', '-'], text)).code).toBe(0);
});
afterEach(() => admin.close());

function cellwall(args: readonly string[], stdin = ''): Promise<CliResult> {
  const env = { CELLWALL_ADMIN: `127.0.0.1:${admin.address.port}`, CELLWALL_ADMIN_TOKEN: adminToken };
  return runCli(args, { env, stdin, clock: admin.clock });
}

it('shows the line and the code of an apply, which is made once the code is given', async () => {
  const { code, stderr } = await cellwall(['apply', '-f', '-'], policy(''));
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /4:\d+: error: AuthorizationPolicy\/api: the rule named operations, and is now about every one/,
  );
  expect(stderr).toContain('error: held until it is confirmed, 1 reason: nothing was changed\n');
  expect(stderr).toContain('hint: if it is meant: the same command with --confirm selector-emptied');
  const [, rev = ''] = /or cellwall approve ([0-9a-f]{12});/.exec(stderr) ?? [];
  expect((await cellwall(['waiting'])).stdout).toContain(rev);
  const json = await cellwall(['apply', '-f', '-', '-o', 'json'], policy(''));
  expect(JSON.parse(json.stdout)).toMatchObject({
    error: { code: 'failed_precondition', problems: [{ code: 'selector-emptied' }] },
  });
  const dry = await cellwall(['apply', '-f', '-', '--dry-run'], policy(''));
  expect([dry.code, dry.stdout]).toEqual([
    4,
    expect.stringContaining('it would be held until it is confirmed: --confirm selector-emptied\n'),
  ]);
  expect(counted).toEqual(['selector-emptied', 'selector-emptied']);
  expect((await cellwall(['apply', '-f', '-', '--confirm', 'selector-emptied'], policy(''))).code).toBe(0);
  expect((await cellwall(['history'])).stdout).toContain('apply, confirmed: selector-emptied');
  // Nobody needs to approve what is in force.
  expect((await cellwall(['waiting'])).stdout).not.toContain(rev);
});

it('holds a delete and a rollback likewise; codes are several with commas, and no argument is swallowed', async () => {
  const keys = names.map((name) => `service/${name}`);
  const refused = await cellwall(['delete', ...keys]);
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('12 of 15 documents would be deleted')]);
  const dry = await cellwall(['delete', '--confirm', 'mass-deletion', '--dry-run', ...keys]);
  expect([dry.code, dry.stdout]).toEqual([0, expect.stringMatching(/^would change 12 /)]);
  expect((await cellwall(['delete', '--confirm', 'growth,mass-deletion', ...keys])).code).toBe(0);
  expect((await cellwall(['rollback'])).code).toBe(0);
  expect((await cellwall(['rollback'])).code).toBe(1);
  expect((await cellwall(['rollback', '--confirm', 'mass-deletion'])).code).toBe(0);
  expect((await cellwall(['delete', '--confirm', 'Mass Deletion', 'service/api'])).code).toBe(2);
});

it('lists what waits so that many changes can be read, and marks in the answer what was deleted', async () => {
  const keys = names.map((name) => `service/${name}`);
  await cellwall(['delete', ...keys]);
  const { stdout } = await cellwall(['waiting']);
  expect(stdout).toMatch(/^\S+ +\S.* operator +delete 12\n/m);
  expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThan(160);
  for (const name of names) expect(stdout).toContain(`\n  delete Service/${name}\n`);
  const kept = yaml(meshText(), serviceText('api', 'http2'), ...names.slice(1).map((name) => serviceText(name)));
  const pruned = await cellwall(['apply', '--prune', '-f', '-'], kept);
  expect(pruned.stdout).toMatch(/^applied 3 \(revision 2\)\n/);
  expect(pruned.stdout.split('\n').slice(1).sort()).toEqual([
    '',
    '  Service/api',
    '  delete AuthorizationPolicy/api',
    '  delete Service/web-0',
  ]);
  const deleted = await cellwall(['delete', 'service/web-1']);
  expect(deleted.stdout).toBe('deleted 1 (revision 3)\n  Service/web-1\n');
});

it('may be approved by somebody else, as it was shown', async () => {
  const { stderr } = await cellwall(['apply', '-f', '-'], policy(''));
  const [, rev = ''] = /or cellwall approve ([0-9a-f]{12});/.exec(stderr) ?? [];
  expect((await cellwall(['approve', rev])).code).toBe(0);
  expect((await cellwall(['history'])).stdout).toContain('approved by operator, confirmed: selector-emptied');
  expect((await cellwall(['approve', rev])).code).toBe(1);
});
