// Looking before a step back, and afterwards at what every revision was.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CutOver } from '../../src/cutover/cut-over.ts';
import { allPorts } from '../../src/policy/ports.ts';
import { type AdminHarness, adminToken, startAdmin } from '../support/admin-harness.ts';
import { type CliResult, runCli } from '../support/cli-harness.ts';
import { meshText, policyText, serviceText, yaml } from '../support/resolve-text.ts';

const base = yaml(meshText(), serviceText('web'), serviceText('api'));
const allow = yaml(policyText('api', 'api', 'allow', '[{from: [{service: web}]}]'));
/** What becomes `http2` is, to this gate, what becomes strict. */
const gate: CutOver = {
  services: (_, after) => [...allPorts(after)].filter(({ protocol }) => protocol === 'http2').map(({ key }) => key),
  judge: async (_, after) =>
    [...allPorts(after)]
      .filter(({ protocol }) => protocol === 'http2')
      .map(({ key }) => ({
        service: key,
        kind: 'caller',
        who: 'plaintext, 10.0.0.1',
        why: 'would be refused',
        count: 3,
      })),
};

let admin: AdminHarness;

beforeEach(async () => {
  admin = await startAdmin({ cutOver: gate });
  await cellwall(['apply', '-f', '-'], base);
});

afterEach(() => admin.close());

function cellwall(args: readonly string[], stdin = ''): Promise<CliResult> {
  const env = { CELLWALL_ADMIN: `127.0.0.1:${admin.address.port}`, CELLWALL_ADMIN_TOKEN: adminToken };
  return runCli(args, { env, stdin, clock: admin.clock });
}

describe('rollback --dry-run', () => {
  it('shows the revision it goes to, every operation and the texts, and changes nothing', async () => {
    await cellwall(['apply', '-f', '-'], `${allow}---\n${yaml(serviceText('web', 'tcp'))}`);
    await cellwall(['delete', 'policy/api']);
    const { code, stdout, stderr } = await cellwall(['rollback', '--to', '1', '--dry-run']);
    expect(code).toBe(0);
    // Where it leads to is warned of as any change is.
    expect(stderr).toMatch(/^Service\/web:4:18: warning: the protocol .* changes from tcp to http1.*\n {2}hint: .*\n$/);
    expect(stdout).toBe(
      [
        'would change 1 (revision 3, back to 1)',
        '  update Service/web',
        '--- Service/web',
        '+++ Service/web',
        '@@ -1,4 +1,4 @@',
        ' apiVersion: cellwall/v1',
        ' kind: Service',
        ' metadata: {name: web}',
        '-spec: {protocol: tcp}',
        '+spec: {protocol: http1}',
        '',
      ].join('\n'),
    );
    const json = JSON.parse((await cellwall(['rollback', '--dry-run', '-o', 'json'])).stdout);
    expect(json).toMatchObject({
      kind: 'dry-run',
      revision: 3,
      to: 2,
      changed: ['AuthorizationPolicy/api'],
      differences: [{ key: 'AuthorizationPolicy/api', op: 'create', after: allow }],
      impact: { newlyDenied: 0, newlyAllowed: 0, cannotTell: 0 },
      reasons: [],
    });
    expect(admin.deps.store.state()?.revision).toBe(3);
  });

  it('tells what the gate would have against it', async () => {
    await cellwall(['apply', '-f', '-', '--force'], yaml(serviceText('web', 'http2')));
    await cellwall(['apply', '-f', '-'], yaml(serviceText('web')));
    const { code, stdout } = await cellwall(['rollback', '--dry-run']);
    expect(code).toBe(4);
    expect(stdout).toMatch(
      /the gate would refuse it:\nSERVICE +WHO +WHY +CALLS +LAST\nweb +plaintext, 10\.0\.0\.1 +would be refused +3/,
    );
    const refused = await cellwall(['rollback', '-o', 'json']);
    expect(refused.code).toBe(1);
    expect(JSON.parse(refused.stdout)).toMatchObject({
      error: { code: 'failed_precondition', reasons: [{ service: 'web', kind: 'caller' }] },
    });
  });

  it('counts the calls that would be decided otherwise', async () => {
    const call = { service: 'api', caller: 'mtls', principal: 'spiffe://td1/service/web', count: 7 } as const;
    await cellwall(['apply', '-f', '-'], allow);
    await admin.close();
    const calls = () => [
      {
        ...call,
        decision: 'allowed' as const,
        method: 'GET',
        path: { kind: 'exact' as const, path: '/' },
        lastSeen: admin.clock.now(),
      },
    ];
    admin = await startAdmin({ store: admin.deps.store, record: { ...admin.deps.record, calls } });
    const { stdout } = await cellwall(['rollback', '--dry-run']);
    expect(stdout).toContain('delete AuthorizationPolicy/api');
    expect(stdout).toContain('7 would newly be denied, 0 newly allowed');
  });
});

describe('history', () => {
  it('tells rollbacks, forced cut-overs and edits from outside from what was applied, with who and when', async () => {
    await cellwall(['apply', '-f', '-', '--force'], yaml(serviceText('web', 'http2')));
    await cellwall(['rollback']);
    const { stdout } = await cellwall(['history']);
    const rows = stdout.split('\n').map((line) => line.split(/ {3,}/));
    expect(rows.slice(0, 4)).toEqual([
      ['REVISION', 'WHEN', 'BY', 'WHAT', 'CHANGED'],
      ['3', '2026-01-01T00:00:00Z (now)', 'operator', 'rollback to 1', 'update Service/web'],
      ['2', '2026-01-01T00:00:00Z (now)', 'operator', 'apply, forced: web', 'update Service/web'],
      [
        ...['1', '2026-01-01T00:00:00Z (now)', 'operator', 'apply'],
        'create Mesh/mesh, create Service/api, create Service/web',
      ],
    ]);
    const json = JSON.parse((await cellwall(['history', '-o', 'json'])).stdout);
    expect(json).toMatchObject({
      revision: 3,
      revisions: [
        { kind: 'rollback', to: 1, author: 'operator' },
        { kind: 'apply', forced: ['web'] },
        { kind: 'apply' },
      ],
    });
  });

  it('knows of an edit from outside', async () => {
    const { store } = admin.deps;
    const key = store.state()?.documents[0]?.key;
    if (key === undefined) throw new Error('no documents');
    const edited = { revision: 9, at: 0, changes: [{ key, before: 'a', after: 'b' }] };
    const other = await startAdmin({ store: { ...store, history: async () => [edited] } });
    const env = { CELLWALL_ADMIN: `127.0.0.1:${other.address.port}`, CELLWALL_ADMIN_TOKEN: adminToken };
    expect((await runCli(['history'], { env, clock: other.clock })).stdout).toMatch(
      /^9 .+ - +edit from outside +update Mesh\/mesh$/m,
    );
    await other.close();
  });
});
