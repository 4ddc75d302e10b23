// The gate before strict, for those who edit the files: a whole control plane, a proxy of the service, real edits.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { typeUrls } from '../../src/xds/resources/type-url.ts';
import { eventually } from '../support/eventually.ts';
import { createRawXdsClient, type RawXdsClient } from '../support/raw-xds-client.ts';
import { policyText, serviceText, yaml } from '../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';

const mesh = (window: string, mode = 'permissive'): string =>
  `kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: ${mode}, cutOverWindow: ${window}}}`;
const api = (mode: string): string => serviceText('api', 'http1', `, mtls: {mode: ${mode}}`);
const web = serviceText('web');
const deny = policyText('urgent', 'api', 'deny', '[{from: [{service: web}]}]');
const id = 'spiffe://td1/service/api';

let plane: ServeHarness;
let client: RawXdsClient | undefined;

afterEach(async () => {
  client?.close();
  client = undefined;
  await plane?.stop();
});

/** As editors save: the window of the gate is not to pass while the files settle. */
const edit = (...documents: readonly string[]): void => {
  const next = join(plane.folder, 'documents', '.all.new');
  writeFileSync(next, yaml(...documents));
  renameSync(next, join(plane.folder, 'documents', 'all.yaml'));
};
const problems = async () => (await plane.admin.status()).problems;
const held = () => eventually('held back', async () => (await problems())[0]);
const well = (ms?: number) => eventually('in force', async () => (await problems()).length === 0 || undefined, ms);
const inForce = async (key: string) => {
  const { documents } = await plane.admin.documents();
  return documents.find((document) => document.key === key)?.text;
};
const events = async () => (await plane.admin.audit()).records.map(({ event }) => event);

/** A proxy of the service: from now on its calls are recorded, and before they were not. */
async function connectProxy(): Promise<void> {
  const { dir } = await plane.enrol(id);
  const [certificate = '', key = '', root = ''] = ['svid.pem', 'key.pem', 'bundle.pem'].map((file) =>
    readFileSync(join(dir, file), 'utf8'),
  );
  client = createRawXdsClient(plane.xdsPort, { certificate, key, root });
  client.delta().send({ node: { id: `${id}~1` }, typeUrl: typeUrls.listener });
  await eventually('connected', async () => (await plane.admin.status()).proxies.connected === 1 || undefined);
}

it('holds the service back with its line, not the deny beside it; not past a restart; until it is forced', async () => {
  plane = await startServe(yaml(mesh('1h'), api('permissive'), web));
  await connectProxy();
  edit(mesh('1h'), api('strict'), web, deny);
  expect(await held()).toMatchObject({
    severity: 'error',
    code: 'cut-over-held',
    message: expect.stringMatching(/recorded only since this time: 20\d\d-/),
    hint: expect.stringContaining('apply --force'),
    source: { file: 'all.yaml', line: 9, column: 38 },
  });
  expect(await inForce('AuthorizationPolicy/urgent')).toContain('deny');
  expect(await inForce('Service/api')).toContain('permissive');

  await plane.restart();
  await eventually('the gate has looked', async () => (await problems())[0]?.message.includes('recorded') || undefined);
  expect(await inForce('Service/api')).toContain('permissive');
  expect(await plane.metrics()).toContain('\ncellwall_document_problems 1\n');

  // Through the API: the gate as ever; what is beside it in the same file is changed; then the evidence, and it is in force.
  expect(await plane.admin.apply({ text: yaml(api('strict')) })).toMatchObject({ kind: 'invalid', problems: [] });
  await plane.apply(yaml(serviceText('web', 'grpc')));
  expect(await problems()).toHaveLength(1);
  expect(await plane.admin.apply({ text: yaml(api('strict')), force: true })).toMatchObject({ kind: 'applied' });
  await well();
  expect(await inForce('Service/api')).toContain('strict');
  expect(await plane.metrics()).toContain('\ncellwall_document_problems 0\n');
  expect(readFileSync(join(plane.folder, 'documents', 'all.yaml'), 'utf8')).toBe(
    yaml(mesh('1h'), api('strict'), serviceText('web', 'grpc'), deny),
  );
  expect(await events()).toMatchObject([
    { kind: 'token-created' },
    { kind: 'documents-applied', author: 'outside', changed: ['AuthorizationPolicy/urgent'] },
    { kind: 'documents-applied', author: 'operator', changed: ['Service/web'] },
    { kind: 'cut-over-forced', services: ['api'] },
    { kind: 'documents-applied', author: 'operator', changed: ['Service/api'] },
  ]);
}, 30_000);

it('comes into force by itself when the reasons are gone', async () => {
  plane = await startServe(yaml(mesh('2s'), serviceText('api'), web));
  await connectProxy();
  edit(mesh('2s', 'strict'), serviceText('api'), web);
  expect(await held()).toMatchObject({ code: 'cut-over-held', source: { file: 'all.yaml', line: 4, column: 39 } });
  await well(20_000);
  expect(await inForce('Mesh/mesh')).toContain('mode: strict');
  await eventually('evidence', async () => {
    return (await events()).some((event) => 'changed' in event && String(event.changed) === 'Mesh/mesh') || undefined;
  });
}, 40_000);

it('is gone with the line, and asks nothing of a service that nobody stood before', async () => {
  plane = await startServe(yaml(mesh('1h'), api('permissive'), web));
  await connectProxy();
  edit(mesh('1h'), api('strict'), web);
  await held();
  edit(mesh('1h'), api('permissive'), web);
  await well();
  // No proxy of it was ever there.
  edit(mesh('1h'), api('permissive'), serviceText('web', 'http1', ', mtls: {mode: permissive}'));
  await eventually('permissive', async () => (await inForce('Service/web'))?.includes('permissive') || undefined);
  edit(mesh('1h'), api('permissive'), serviceText('web', 'http1', ', mtls: {mode: strict}'));
  await eventually('strict', async () => (await inForce('Service/web'))?.includes('strict') || undefined);
  expect(await problems()).toEqual([]);
}, 30_000);
