// `cellwall validate` of raw resources, and `--envoy`: the real Envoy is asked, offline.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { inspect } from '../../src/validate/inspect.ts';
import { runCli } from '../support/cli-harness.ts';
import { projectRoot } from '../support/source-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'cellwall-validate-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = { inspect: (options: Parameters<typeof inspect>[0]) => inspect(options, { env: process.env }) };
const validate = (...args: readonly string[]) =>
  runCli(['validate', '-f', join(projectRoot, 'examples/cells'), ...args], { run });

function raw(name: string, value: string): string {
  const file = join(folder, `${name}.yaml`);
  writeFileSync(
    file,
    `apiVersion: cellwall/v1
kind: EnvoyResource
metadata: { name: ${name} }
spec:
  selector: { all: true }
  patch:
    operation: merge
    typeUrl: type.googleapis.com/envoy.config.cluster.v3.Cluster
    name: inbound
    value: ${value}
`,
  );
  return file;
}

test('every service of the examples is accepted, patched or not', async () => {
  const { code, stdout } = await validate('--envoy', '-f', raw('slow', '{ connect_timeout: 3s }'));
  expect(stdout).toMatch(/^valid: \d+ documents, 8 configurations accepted by Envoy\n$/);
  expect(code).toBe(0);
}, 60_000);

test('a mistake that no schema shows is told by Envoy', async () => {
  // The field is fine by itself; with the type of that cluster Envoy refuses it.
  const file = raw('contradiction', '{ lb_policy: CLUSTER_PROVIDED }');
  expect((await validate('-f', file)).code).toBe(0);
  const { code, stderr } = await validate('--envoy', '-f', file);
  expect(code).toBe(3);
  expect(stderr).toMatch(
    /error: Envoy refuses the configuration of cell-2\/gitlab: cluster manager: cluster provided LB/,
  );
}, 60_000);

test('a mistake that the schema shows is told with its line, without asking', async () => {
  const { code, stderr } = await validate('-f', raw('typo', '{ conect_timeout: 3s }'));
  expect(code).toBe(3);
  expect(stderr).toMatch(/typo\.yaml:10:\d+: error: .*no field "conect_timeout"/);
  expect(stderr).toMatch(/did you mean "connect_timeout"/);
});

test('explain says that a raw patch takes the decision out of its hands', async () => {
  const file = join(folder, 'listener.yaml');
  writeFileSync(
    file,
    `apiVersion: cellwall/v1
kind: EnvoyResource
metadata: { name: tuned }
spec:
  selector: { services: [cell-2/gitlab] }
  patch:
    operation: merge
    typeUrl: type.googleapis.com/envoy.config.listener.v3.Listener
    name: inbound
    value: { tcp_backlog_size: 10 }
`,
  );
  const { code, stdout } = await runCli([
    ...['explain', 'anonymous', 'cell-2/gitlab', '--expect', 'denied'],
    ...['-f', join(projectRoot, 'examples/cells'), '-f', file],
  ]);
  expect(stdout).toMatch(
    /^UNDECIDABLE: raw patch\n {2}EnvoyResource\/tuned \(.*listener\.yaml:1\)\n\nwithout it: DENIED:/,
  );
  expect(code).toBe(3);
});
