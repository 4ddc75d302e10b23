// A document that is valid to Cellwall and its linter, and not to Envoy: the rejection names its file and line, in `status`, in `explain`
// and in the log, and follows the document when it moves. What a proxy was sent is shown without its keys.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { formatExplanation } from '../../src/cli/output/format-explanation.ts';
import { formatSent } from '../../src/cli/output/format-sent.ts';
import { formatStatus } from '../../src/cli/output/format-status.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { Log } from '../../src/lib/log.ts';
import { eventually } from '../support/eventually.ts';
import { figure } from '../support/figure.ts';
import { freePorts } from '../support/free-ports.ts';
import { heardLog } from '../support/heard-log.ts';
import { meshText, policyText, serviceText, yaml } from '../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';
import { startSidecarEnvoy } from '../support/sidecar-envoy.ts';
import type { RunningEnvoy } from '../support/start-envoy.ts';

/** A table's size is a prime, which no schema says. */
const odd = `kind: EnvoyResource
metadata: {name: odd}
spec:
  selector: {services: [api]}
  patch:
    operation: merge
    typeUrl: type.googleapis.com/envoy.config.cluster.v3.Cluster
    name: inbound
    value: {lb_policy: MAGLEV, maglev_lb_config: {table_size: 1000}}`;
const documents = yaml(
  meshText(),
  serviceText('api'),
  policyText('api', 'api', 'allow', '[{from: [{everyone: true}]}]'),
  odd,
);
const id = 'spiffe://td1/service/api';

let harness: ServeHarness;
let envoy: RunningEnvoy;
let told: string;

beforeEach(async () => {
  told = '';
  const log: Log = heardLog({
    error(...all: readonly unknown[]) {
      told += `${JSON.stringify(all)}
`;
    },
    child: () => log,
  });
  harness = await startServe(documents, { log });
  const [inbound = 0, application = 0] = await freePorts(2);
  envoy = await startSidecarEnvoy(harness, id, { variant: 'delta', inbound, application });
}, 60_000);

afterEach(async () => {
  await envoy.stop();
  await harness.stop();
});

const lineOf = (text: string): number => text.slice(0, text.indexOf('operation: merge')).split('\n').length;

test('a rejection by Envoy names document, file and line', async () => {
  const { admin, folder } = harness;
  const file = join(folder, 'documents', 'all.yaml');
  const words = async (): Promise<string> => {
    const [status, { services }, { proxies }] = await Promise.all([admin.status(), admin.services(), admin.proxies()]);
    return formatStatus({ status, services, proxies, traffic: [], now: systemClock.now() });
  };
  const rejectedAt = async (line: number): Promise<void> => {
    await eventually(
      `line ${line} told`,
      async () => (await words()).includes(`all.yaml:${line})`) || undefined,
      20_000,
    );
    const { proxies } = await admin.proxies();
    const cluster = proxies[0]?.types.find(({ typeUrl }) => typeUrl.endsWith('.Cluster'));
    expect(cluster?.nack?.message).toMatch(/prime/);
    expect(cluster?.nack?.resources).toMatchObject([
      { name: 'inbound', madeBy: [{ document: 'EnvoyResource/odd', path: 'spec.patch', source: { line } }, {}, {}] },
    ]);
  };
  const line = lineOf(documents);
  await rejectedAt(line);
  expect(await words()).toMatch(
    new RegExp(`td1/service/api~a1 +inbound +EnvoyResource/odd spec\\.patch \\(\\S*all\\.yaml:${line}\\)`),
  );
  expect(told).toContain(`EnvoyResource/odd spec.patch (`);
  expect(told).toContain(`all.yaml:${line})`);
  const query = { caller: 'anonymous', target: 'api' };
  expect(formatExplanation(await admin.explain(query), query)).toMatch(
    /rejected by spiffe:\/\/td1\/service\/api~a1: .*prime.*\n {2}inbound, made by EnvoyResource\/odd spec\.patch/,
  );

  // What it was sent: the documents beside it, its key not.
  const sent = await admin.envoy('td1/service/api~a1');
  expect(await admin.envoy(`${id}~a1`)).toEqual(sent);
  const text = JSON.stringify(sent);
  expect(text).not.toContain('PRIVATE KEY');
  const own = sent.resources.find(({ name }) => name === id);
  expect(own).toMatchObject({
    madeBy: [{ document: 'Service/api' }, { document: 'Mesh/mesh' }],
    message: { tls_certificate: { private_key: '[redacted]', certificate_chain: {} } },
  });
  const cluster = sent.resources.find(({ name, typeUrl }) => name === 'inbound' && typeUrl.endsWith('.Cluster'));
  expect(cluster).toMatchObject({ message: { maglev_lb_config: { table_size: '1000' } } });
  expect(formatSent(sent)).toMatch(
    /TypedExtensionConfig +api\/authz-allow +\S+ +AuthorizationPolicy\/api spec\.rules\[0\] \(/,
  );
  await expect(admin.envoy('td1/service/nobody~x')).rejects.toMatchObject({ code: 'not_found' });

  // The document moves: so does what is shown, and nothing is sent.
  writeFileSync(file, `# a remark\n# and another\n${readFileSync(file, 'utf8')}`);
  await rejectedAt(line + 2);
  const after = await admin.envoy('td1/service/api~a1');
  const versions = ({ resources }: typeof sent) => resources.map(({ name, version }) => [name, version]);
  expect(versions(after)).toEqual(versions(sent));
  const isCluster = ({ name, typeUrl }: (typeof sent.resources)[number]) =>
    name === 'inbound' && typeUrl.endsWith('.Cluster');
  const lineIn = ({ resources }: typeof sent) => resources.find(isCluster)?.madeBy[0]?.source.line ?? 0;
  expect(lineIn(after)).toBe(line + 2);
  figure('linesFollowed', lineIn(after) - lineIn(sent));
}, 60_000);
