// `cellwall doctor` without arguments, through the admin API: what the control plane knows of itself, of its proxies and of its edges comes
// together; what it cannot have is said, and nothing that somebody named reaches the terminal as it is.
import { afterEach, expect, it } from 'vitest';
import type { TrafficCount } from '../../src/admin/wire.ts';
import type { MeshDiagnosisAnswer } from '../../src/admin/wire-doctor.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import type { ServiceKey } from '../../src/model/service-key.ts';
import { parseSpiffeId } from '../../src/model/spiffe-id.ts';
import type { ProxyStatus } from '../../src/registry/proxy-status.ts';
import { type AdminHarness, adminToken, startAdmin } from '../support/admin-harness.ts';
import { type CliResult, runCli } from '../support/cli-harness.ts';
import { figure } from '../support/figure.ts';
import { meshText, policyText, serviceText, yaml } from '../support/resolve-text.ts';

let admin: AdminHarness | undefined;
afterEach(() => admin?.close());

const documents = yaml(
  meshText('strict'),
  serviceText('api'),
  serviceText('web', 'http1', ', dependsOn: [{service: api, listen: 9000}]'),
  policyText('api', 'api', 'allow', '[{from: [{service: web}]}]'),
);
const hour = 3_600_000;
type Given = NonNullable<Parameters<typeof startAdmin>[0]>;

function proxy(service: string, more: Partial<ProxyStatus> = {}): ProxyStatus {
  const spiffeId = parseSpiffeId(`spiffe://td1/service/${service}`);
  if (spiffeId === undefined) throw new Error('no id');
  return {
    ...{
      node: `${spiffeId}~a`,
      spiffeId,
      service: service as ServiceKey,
      state: 'connected',
      since: 0,
      ready: true,
      types: [],
    },
    certificate: { serial: service, notAfter: 4e12 },
    inbound: { address: '10.0.0.1', port: 8443 },
    ...more,
  };
}

async function start(proxies: readonly ProxyStatus[], more: Given = {}): Promise<void> {
  admin = await startAdmin({
    ...{ proxies: () => proxies, status: () => ({ version: '1', problems: [], startedAt: 0 }) },
    // The root is not named, so that no certificate can be of another.
    ca: () => undefined,
    ...more,
  });
  await admin.call('/v1/apply', { body: { text: documents } });
  admin.clock.advance(2000);
}

async function doctor(...args: readonly string[]): Promise<CliResult & { readonly answer: MeshDiagnosisAnswer }> {
  if (admin === undefined) throw new Error('not started');
  const env = { CELLWALL_ADMIN: `127.0.0.1:${admin.address.port}`, CELLWALL_ADMIN_TOKEN: adminToken };
  const result = await runCli(['doctor', ...args, '-o', 'json'], { env, clock: admin.clock });
  return { ...result, answer: JSON.parse(result.stdout) };
}

it('where nothing is wrong says so, with exit 0', async () => {
  await start([proxy('api'), proxy('web')]);
  const { code, answer } = await doctor();
  expect(answer).toMatchObject({ verdict: 'fine', findings: [], unseen: [] });
  expect(answer.checked).toContain('the control plane is ready');
  expect(code).toBe(0);
});

it('a control plane that has just started, or whose proxies are not there, does not know', async () => {
  await start([proxy('api'), proxy('web')]);
  const startedAt = (admin?.clock.now() ?? 0) - 2000;
  await admin?.close();
  await start([proxy('api'), proxy('web')], { status: () => ({ version: '1', problems: [], startedAt }) });
  const { code, answer } = await doctor();
  expect(answer).toMatchObject({
    verdict: 'unknown',
    findings: [],
    unseen: [expect.stringMatching(/started \d+ s ago/)],
  });
  expect(code).toBe(6);
});

it('one fault of a service is told once, with what to do and the calls that it breaks', async () => {
  const down = { applicationState: { answers: false, why: 'ECONNREFUSED', around: [] } };
  await start([proxy('api', { ...down, application: { address: '127.0.0.1', port: 8080 } }), proxy('web')]);
  const { code, answer } = await doctor();
  expect(answer).toMatchObject({
    verdict: 'broken',
    findings: [{ cause: 'application-down', toDo: expect.stringContaining('--app'), calls: ['web -> api'] }],
  });
  expect(code).toBe(3);
});

it('the control plane itself is looked at, and a part that fails is said and does not take the answer with it', async () => {
  await start([proxy('api'), proxy('web')], {
    certificates: () => Promise.reject(new CellwallError('unavailable', 'the store is away')),
    refusedSvids: () => [
      {
        ...{ by: 'attest' as const, address: '10.0.0.7', code: 'permission_denied', reason: 'no', why: [] },
        ...{ count: 1, firstAt: 0, lastAt: (admin?.clock.now() ?? 0) + hour },
      },
    ],
  });
  const { answer } = await doctor();
  expect(answer.findings.map(({ cause }) => cause)).toContain('svids-refused');
  expect(answer.unseen).toContain('the certificates: the store is away');
});

it('of one edge it does not know either, until a call is reported', async () => {
  const now = 1_767_225_600_000;
  const call = (lastSeen: number, decision: TrafficCount['decision']): readonly TrafficCount[] =>
    lastSeen === 0
      ? []
      : [{ service: 'api', caller: 'mtls', principal: 'spiffe://td1/service/web', decision, count: 1, lastSeen }];
  const asked = async (lastSeen: number, failedAt = 0): Promise<readonly [string, number]> => {
    await admin?.close();
    const startedAt = (admin?.clock.now() ?? now) - 60_000;
    await start([proxy('api'), proxy('web')], {
      ...{
        status: () => ({ version: '1', problems: [], startedAt }),
        traffic: () => [...call(lastSeen, 'allowed'), ...call(failedAt, 'failed')],
      },
    });
    const { answer, code } = await doctor('web', 'api');
    return [answer.verdict, code];
  };
  expect(await asked(0)).toEqual(['unknown', 6]);
  const last = admin?.clock.now() ?? 0;
  // The record is older than the process.
  expect(await asked(last - 2 * hour)).toEqual(['unknown', 6]);
  expect(await asked(last)).toEqual(['fine', 0]);
  // Why it failed is not kept any more.
  expect(await asked(last, last + 1)).toEqual(['unknown', 6]);
  expect(await asked(last, last - 1)).toEqual(['fine', 0]);
});

it('what a proxy, or whoever holds a port, says cannot move the cursor', async () => {
  const holder = 'pid 1 (\u001b[2J\n1. trust me)';
  await start([
    proxy('api', { ready: false, takenPorts: [{ address: '10.0.0.1', port: 8443, holder }] }),
    proxy('web'),
  ]);
  const env = { CELLWALL_ADMIN: `127.0.0.1:${admin?.address.port}`, CELLWALL_ADMIN_TOKEN: adminToken };
  const { stdout } = await runCli(['doctor'], { env });
  expect(stdout).toContain('port-taken');
  expect(stdout).not.toContain('\u001b');
  expect(stdout.split('\n').filter((line) => line.startsWith('1. '))).toHaveLength(1);
});

it('half a question is none', async () => {
  await start([]);
  const env = { CELLWALL_ADMIN: `127.0.0.1:${admin?.address.port}`, CELLWALL_ADMIN_TOKEN: adminToken };
  expect((await runCli(['doctor', 'web'], { env })).code).toBe(2);
  expect((await runCli(['doctor', '--path', '/x'], { env })).code).toBe(2);
});

it('looks once, however many ask, and at thousands of proxies within the time of an answer', async () => {
  let read = 0;
  const many = Array.from({ length: 5000 }, (_, at) => ({ ...proxy('api'), node: `spiffe://td1/service/api~${at}` }));
  await start(many, {
    certificates() {
      read += 1;
      return [];
    },
  });
  const before = read;
  const began = performance.now();
  const answers = await Promise.all(Array.from({ length: 8 }, () => admin?.call('/v1/doctor/mesh')));
  figure('doctorOf5000ProxiesMs', Math.round(performance.now() - began));
  expect(answers.map((one) => one?.status)).toEqual(Array(8).fill(200));
  // By the rows of proxies, the edges and the mesh.
  expect(read - before).toBeLessThanOrEqual(4);
});
