// `cellwall import grpc-access`: the Topology Service's access options as documents that resolve, and drift told.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { SpiffeId } from '../../src/model/spiffe-id.ts';
import { decide } from '../../src/policy/decide/decide.ts';
import type { ServiceKey } from '../../src/policy/ir.ts';
import { runCli } from '../support/cli-harness.ts';
import { type DescribedMethod, descriptorSet } from '../support/descriptor-set.ts';
import { cellText, meshOf, meshText, serviceText, workloadText, yaml } from '../support/resolve-text.ts';

const service = 'gitlab.cells.topology_service.claims.v1.ClaimService';
const claims: readonly DescribedMethod[] = [
  { name: 'GetCells', access: [1] },
  { name: 'GetRecord', access: [5] },
  { name: 'Classify', access: [2, 4, 5] },
  {
    name: 'BeginUpdate',
    access: [3, 5],
    fields: [
      { name: 'cell_id', number: 3 },
      { name: 'other', number: 1, type: 'STRING' },
    ],
  },
  { name: 'CommitUpdate', access: [3, 5], fields: [{ name: 'cell_id', number: 1 }] },
  { name: 'Secret' },
];
const flags = ['--routers-as', 'spiffe://td1/edge/', '--admins-as', 'spiffe://td1/admin', 'console'];

let folder: string;
let existing: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-import-'));
  existing = join(folder, 'mesh.yaml');
  writeFileSync(
    existing,
    yaml(
      meshText('strict'),
      cellText('cell-1', 1),
      cellText('cell-2', 2),
      serviceText('cell-1/gitlab'),
      serviceText('cell-2/gitlab'),
      serviceText('console'),
      workloadText('router', '{identity: {spiffeId: "spiffe://td1/edge/router"}}'),
      workloadText('admin', '{identity: {spiffeId: "spiffe://td1/admin"}}'),
      `# the one service of all cells\n${serviceText('topology', 'grpc')}`,
    ),
  );
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function run(methods: readonly DescribedMethod[], ...args: string[]) {
  const descriptor = join(folder, 'descriptor.binpb');
  writeFileSync(descriptor, descriptorSet(service, methods));
  return runCli(['import', 'grpc-access', '--descriptor', descriptor, '-f', existing, ...args]);
}

/** The documents with those that an import wrote in the place of their like. */
function imported(text: string): string {
  const [first = '', ...rest] = readFileSync(existing, 'utf8').split('---\n');
  return [first, ...rest.filter((one) => !one.includes('topology')), text].join('---\n');
}

describe('import', () => {
  test('makes documents that resolve and say what the options say', async () => {
    const { code, stdout, stderr } = await run(claims, ...flags);
    expect(code).toBe(0);
    expect(stderr).toBe(`note: ${service}/Secret has no access_control: nobody is allowed\n`);
    expect(stdout).toContain('# the one service of all cells');
    const mesh = meshOf(imported(stdout));
    const ask = (caller: string, method: string, cellId?: string): string =>
      decide(mesh, {
        target: 'topology' as ServiceKey,
        caller: { kind: 'id', id: `spiffe://td1/${caller}` as SpiffeId },
        grpc: `${service}/${method}`,
        ...(cellId === undefined ? {} : { cellId }),
      }).outcome;
    const [one, router, admin] = ['cell/cell-1/service/gitlab', 'edge/router', 'admin'];
    expect([one, router, admin, 'service/console'].map((who) => ask(who, 'GetCells'))).toEqual(
      Array(4).fill('allowed'),
    );
    expect([one, router, admin].map((who) => ask(who, 'Classify'))).toEqual(['allowed', 'allowed', 'allowed']);
    expect([one, router, admin].map((who) => ask(who, 'GetRecord'))).toEqual(['denied', 'denied', 'allowed']);
    expect([one, router, admin].map((who) => ask(who, 'Secret'))).toEqual(['denied', 'denied', 'denied']);
    for (const method of ['BeginUpdate', 'CommitUpdate']) {
      expect(['1', '2', undefined].map((cell) => ask(one, method, cell))).toEqual(['allowed', 'denied', 'denied']);
      expect([ask(router, method, '1'), ask(admin, method)]).toEqual(['denied', 'allowed']);
    }
  });

  test('brings no more of the descriptors than rules need', async () => {
    const { stdout } = await run(claims, ...flags);
    const [changed] = parseAllDocuments(stdout);
    const set = String(changed?.getIn(['spec', 'grpc', 'descriptorSet']));
    const text = Buffer.from(set, 'base64').toString('latin1');
    expect(text).toContain('CommitUpdate');
    expect(text).not.toContain('GetCells');
    expect(text).not.toContain('other');
  });

  test('the next import tells drift, and is silent without', async () => {
    const first = await run(claims, ...flags);
    writeFileSync(existing, imported(first.stdout));
    const again = await run(claims, ...flags, '--out', join(folder, 'again.yaml'));
    expect(again).toMatchObject({ code: 0, stdout: '' });
    expect(again.stderr).not.toContain('@@');
    const wider = claims.map((method) => (method.name === 'GetRecord' ? { ...method, access: [1] } : method));
    const drifted = await run(wider, ...flags);
    expect(drifted.code).toBe(3);
    expect(drifted.stderr).toContain('AuthorizationPolicy/topology-grpc-access');
    expect(drifted.stderr).toMatch(/^\+.*GetRecord/m);
    const moved = claims.map((method) =>
      method.name === 'CommitUpdate' ? { ...method, fields: [{ name: 'cell_id', number: 9 }] } : method,
    );
    const other = await run(moved, ...flags);
    expect(other.code).toBe(3);
    expect(other.stderr).toContain('Service/topology');
  });

  test('goes to the port that speaks gRPC, of a service with several', async () => {
    const header = 'kind: Service\nmetadata: {name: topology}\n';
    const write = (ports: string) =>
      writeFileSync(
        existing,
        yaml(
          meshText('strict'),
          cellText('cell-1', 1),
          serviceText('cell-1/gitlab'),
          `${header}spec: {ports: [{name: rest, protocol: http1}${ports}]}`,
        ),
      );
    write(', {name: grpc, protocol: grpc}');
    const { code, stdout, stderr } = await run(claims, '--routers-as', 'spiffe://td1/edge/');
    expect({ code, stderr: stderr.includes('error') }).toEqual({ code: 0, stderr: false });
    const [topology, policy] = parseAllDocuments(stdout);
    expect(topology?.getIn(['spec', 'ports', 1, 'grpc', 'descriptorSet'])).toMatch(/^[A-Za-z0-9+/]+=*$/);
    expect(topology?.getIn(['spec', 'grpc'])).toBeUndefined();
    expect(policy?.getIn(['spec', 'target', 'port'])).toBe('grpc');
    const mesh = meshOf(imported(stdout));
    const call = { caller: { kind: 'id', id: 'spiffe://td1/cell/cell-1/service/gitlab' as SpiffeId } } as const;
    const claim = { ...call, grpc: `${service}/CommitUpdate`, target: 'topology' as ServiceKey, port: 'grpc' };
    expect([decide(mesh, { ...claim, cellId: '1' }), decide(mesh, { ...claim, cellId: '2' })]).toMatchObject([
      { outcome: 'allowed' },
      { outcome: 'denied' },
    ]);
    for (const [ports, count] of [
      ['', 0],
      [', {name: a, protocol: grpc}, {name: b, protocol: grpc}', 2],
    ] as const) {
      write(ports);
      const refused = await run(claims);
      expect(refused.code).toBe(1);
      expect(refused.stderr).toContain(`${count} ports of "topology" speak gRPC`);
    }
  });

  test.each<readonly [string, DescribedMethod, RegExp]>([
    [
      'a stream of requests',
      { name: 'Up', access: [3], clientStreaming: true, fields: [{ name: 'cell_id', number: 1 }] },
      /takes a stream of requests, of which the proxy reads only the first/,
    ],
    [
      'both ways',
      {
        name: 'Both',
        access: [3],
        clientStreaming: true,
        serverStreaming: true,
        fields: [{ name: 'cell_id', number: 1 }],
      },
      /takes a stream/,
    ],
    ['no field', { name: 'None', access: [3] }, /has no field "cell_id"/],
    ['an unknown rule', { name: 'New', access: [6] }, /unknown access_control 6/],
    ['unspecified', { name: 'Zero', access: [0] }, /unknown access_control 0/],
  ])('refuses the whole for %s', async (_, method, why) => {
    const { code, stdout, stderr } = await run([...claims, method], ...flags);
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toMatch(why);
  });

  test('leaves out whom no flag names, and says so; knows its own failures', async () => {
    const { stderr, stdout } = await run(claims);
    expect(stderr).toContain('1 methods allow routers, but no --routers-as says who they are');
    expect(stdout).not.toContain('GetRecord');
    expect((await run(claims, '--service', 'nothing')).code).toBe(1);
    writeFileSync(join(folder, 'garbage'), 'not a descriptor');
    const garbage = await runCli(['import', 'grpc-access', '--descriptor', join(folder, 'garbage'), '-f', existing]);
    expect(garbage.code).toBe(1);
  });
});
