// GitLab's own kind of client: Ruby generated from the Topology Service's descriptors, a plaintext channel to its sidecar, metadata
// from gitlab.yml. It classifies, begins and commits an update through the wall as it does without one; another cell's is refused.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { z } from 'zod';
import type { StandIn } from '../../demo/services/stand-in.ts';
import { startTopologyService } from '../../demo/services/topology-service.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { runSidecar, type Sidecar } from '../../src/sidecar/run-sidecar.ts';
import { output, run } from '../qualification/support/command.ts';
import { runCli } from '../support/cli-harness.ts';
import { eventually } from '../support/eventually.ts';
import { figure, qualifying } from '../support/figure.ts';
import { freePorts } from '../support/free-ports.ts';
import { cellText, meshText, serviceText, workloadText, yaml } from '../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';
import { projectRoot } from '../support/source-files.ts';

const work = mkdtempSync(join(tmpdir(), 'cellwall-ruby-'));
const generated = join(work, 'ruby');
const sidecars: Sidecar[] = [];
let application: StandIn;
let wall: ServeHarness;
let outbound = 0;

const refused = { code: 7, details: expect.stringContaining('access denied') };
const outcome = z.union([z.object({ ok: z.looseObject({}) }), z.object({ code: z.int(), details: z.string() })]);
const answers = z.object({
  classify: outcome,
  cells: outcome,
  begin: outcome,
  commit: outcome,
  foreign: outcome,
  record: outcome,
});

/** What Rails sends with its calls: the underscores are the ones that it sends. */
const metadata = {
  client_name: 'gitlab-web',
  call_site: 'claims',
  user_id: '42',
  remote_ip: '127.0.0.1',
  'x-gitlab-cell': 'cell-1',
};

async function rails(port: number, id = 1): Promise<z.output<typeof answers>> {
  const file = join(work, 'gitlab.yml');
  const topology_service_client = { address: `127.0.0.1:${port}`, tls: { enabled: false }, metadata };
  writeFileSync(file, stringify({ production: { cell: { enabled: true, id, topology_service_client } } }));
  const script = join(projectRoot, 'test/system/ruby/topology_client.rb');
  const { code, stdout, stderr } = await run('ruby', [script, generated, file], { cwd: work, timeoutMs: 30_000 });
  if (code !== 0) throw new Error(stderr);
  return answers.parse(JSON.parse(stdout));
}

const documents = yaml(
  meshText('strict'),
  cellText('cell-1', 1),
  cellText('cell-2', 2),
  serviceText('topology', 'grpc'),
  workloadText('admin', '{identity: {spiffeId: "spiffe://td1/admin"}}'),
  serviceText('cell-1/gitlab', 'http1', ', dependsOn: [{service: topology, listen: OUTBOUND}]'),
  serviceText('cell-2/gitlab'),
);

async function startSidecar(service: string, port: number, cell?: string): Promise<void> {
  const { token } = await wall.admin.createToken({ service: cell === undefined ? service : `${cell}/${service}` });
  const [inbound = 0] = await freePorts(1);
  sidecars.push(
    await runSidecar({
      ...{ identity: `127.0.0.1:${wall.identityPort}`, xds: `127.0.0.1:${wall.xdsPort}` },
      ...{ token: new Redacted(token), dataDir: join(work, service), inbound: `127.0.0.1:${inbound}` },
      ...{ application: `127.0.0.1:${port}`, env: process.env, log: silentLog, envoyOutput: 'ignore', drainSeconds: 0 },
    }),
  );
}

/** The Service and the policy that the descriptors ask for. */
async function importAccess(text: string): Promise<string> {
  const descriptor = join(work, 'topology.binpb');
  const protos = ['classify_service.proto', 'claims/v1/claim_service.proto'].map(
    (name) => `gitlab/cells/topology_service/${name}`,
  );
  await output('protoc', ['-I', 'protos', '--include_imports', `--descriptor_set_out=${descriptor}`, ...protos], {
    cwd: projectRoot,
  });
  const file = join(work, 'mesh.yaml');
  writeFileSync(file, text);
  const out = join(work, 'imported.yaml');
  const { code, stderr } = await runCli([
    ...[
      'import',
      'grpc-access',
      '--descriptor',
      descriptor,
      '--service',
      'topology',
      '--admins-as',
      'spiffe://td1/admin',
    ],
    ...['-f', file, '--out', out],
  ]);
  if (code !== 0) throw new Error(stderr);
  return readFileSync(out, 'utf8');
}

async function generate(): Promise<void> {
  const folder = 'gitlab/cells/topology_service';
  const files = await output('sh', ['-c', `cd protos && ls ${folder}/*.proto ${folder}/*/*/*.proto`], {
    cwd: projectRoot,
  });
  await output('sh', ['-c', `mkdir -p ${generated}`], { cwd: work });
  const plugin = (await output('sh', ['-c', 'command -v grpc_ruby_plugin'], { cwd: work })).trim();
  const flags = [`--plugin=protoc-gen-grpc=${plugin}`, `--ruby_out=${generated}`, `--grpc_out=${generated}`];
  await output('protoc', ['-I', 'protos', ...flags, ...files.trim().split('\n')], {
    cwd: projectRoot,
  });
}

beforeAll(async () => {
  await generate();
  application = await startTopologyService();
  [outbound = 0] = await freePorts(1);
  const text = documents.replace('OUTBOUND', String(outbound));
  wall = await startServe(text);
  await wall.apply(await importAccess(text));
  await startSidecar('topology', application.port);
  await startSidecar('gitlab', application.port, 'cell-1');
}, 120_000);

afterAll(async () => {
  for (const sidecar of sidecars) await sidecar.stop();
  await wall?.stop();
  await application?.close();
  rmSync(work, { recursive: true, force: true });
});

test('without the wall, every call is answered', async () => {
  const direct = await rails(application.port);
  expect(direct).toMatchObject({
    classify: { ok: { action: 'PROXY', proxy: { address: 'cell-2.gitlab.test' } } },
    begin: { ok: { cell_id: 1 } },
    commit: { ok: {} },
    foreign: { ok: { cell_id: 2 } },
  });
});

test('through the wall, its own calls are answered alike, and what is not its own is refused', async () => {
  await eventually('the wall serves', async () => 'ok' in (await rails(outbound)).classify || undefined, 30_000);
  const direct = await rails(application.port);
  const rounds = qualifying ? 20 : 3;
  for (let round = 0; round < rounds; round++) {
    const { foreign, record, begin, ...own } = await rails(outbound);
    expect(own).toEqual({ classify: direct.classify, cells: direct.cells, commit: direct.commit });
    expect(begin).toMatchObject({ ok: { cell_id: 1 } });
    expect(foreign).toEqual(refused);
    expect(record).toEqual(refused);
  }
  figure('rubyRounds', rounds);
  figure('callsAnswered', rounds * 4);
  figure('callsRefused', rounds * 2);
}, 120_000);
