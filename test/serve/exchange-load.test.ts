// Jobs exchange their tokens at a steady pace, at a control plane in a process of its own that has proxies' streams to look after; each
// exchange is in its audit log.
import { createPublicKey } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createCsr } from '../../src/identity/x509/create-csr.ts';
import { fromPem } from '../../src/identity/x509/pem.ts';
import { createProof } from '../../src/identity/x509/possession.ts';
import { makeKey } from '../../src/sidecar/svid/node-key.ts';
import { typeUrls } from '../../src/xds/resources/type-url.ts';
import { quantile } from '../qualification/support/quantile.ts';
import { figure, qualifying } from '../support/figure.ts';
import { type GitlabStandIn, startGitlab } from '../support/gitlab-stand-in.ts';
import { createRawXdsClient, type RawXdsClient } from '../support/raw-xds-client.ts';
import { meshText, serviceText, workloadText, yaml } from '../support/resolve-text.ts';
import { type ServeProcess, startServeProcess } from '../support/serve-process.ts';

const [streams, exchanges, everyMs] = qualifying ? [200, 3000, 10] : [10, 50, 20];
const services = Array.from({ length: streams }, (_, index) => `s${index}`);
const identity = '{template: "spiffe://td1/ci/{project_id}/{ref_type}/{ref}"}';
const selectors = '[{attestor: gitlab-id-token, match: {instance: gitlab.example, namespace_id: "7"}}]';
let folder: string;
let gitlab: GitlabStandIn;
let serve: ServeProcess;
let roots: string;
const clients: RawXdsClient[] = [];
let broken = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-load-'));
  gitlab = await startGitlab();
  const attestors = join(folder, 'attestors.yaml');
  const { issuer, caFile } = gitlab;
  const instance = `{name: gitlab.example, issuer: "${issuer}", audience: cellwall, caFile: "${caFile}"}`;
  writeFileSync(attestors, `gitlab-id-token: {instances: [${instance}]}\n`);
  const documents = [meshText(), workloadText('jobs', `{identity: ${identity}, selectors: ${selectors}}`)];
  serve = await startServeProcess(yaml(...documents, ...services.map((name) => serviceText(name))), {
    args: ['--attestors', attestors],
  });
  let inbound = 41_000;
  for (const name of services) {
    const { chain, key, bundle } = await serve.enrol(name);
    roots = readFileSync(bundle, 'utf8');
    const svid = { certificate: readFileSync(chain, 'utf8'), key: readFileSync(key, 'utf8'), root: roots };
    const client = createRawXdsClient(serve.ports.xds, svid);
    clients.push(client);
    const stream = client.delta();
    const claims = { inbound: `127.0.0.1:${++inbound}`, application: '127.0.0.1:1' };
    const node = { id: `spiffe://td1/service/${name}~a`, metadata: { cellwall: claims } };
    stream.send({ typeUrl: typeUrls.cluster, resourceNamesSubscribe: ['*'], node });
    stream.send({ typeUrl: typeUrls.listener, resourceNamesSubscribe: ['*'] });
    await stream.next();
    void stream.ended.then(() => {
      broken += 1;
    });
  }
}, 180_000);
afterAll(async () => {
  broken = 0;
  for (const client of clients) client.close();
  await serve?.stop();
  await gitlab?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Made before: the machine that measures has two cores, and a job's own work is not what is measured. */
async function prepared(): Promise<string> {
  const key = await makeKey();
  const csr = createCsr(key);
  const [der = Buffer.alloc(0)] = fromPem(csr, 'CERTIFICATE REQUEST', 1);
  const nodeKey = createPublicKey(key).export({ format: 'der', type: 'spki' }).toString('base64url');
  const evidence = { attestor: 'gitlab-id-token', token: gitlab.idToken() };
  return JSON.stringify({ evidence, csr, nodeKey, proof: createProof('attest', der, key) });
}

function post(body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: serve.ports.identity, path: '/v1/attest', method: 'POST' };
    const asked = request(
      { ...options, agent: false, ca: roots, checkServerIdentity: () => undefined, minVersion: 'TLSv1.3' },
      (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode ?? 0));
      },
    );
    asked.on('error', reject);
    asked.end(body);
  });
}

test('exchanges stay quick at a steady pace beside open streams, each on record', { timeout: 300_000 }, async () => {
  const bodies: string[] = [];
  for (let index = 0; index < exchanges + 20; index++) bodies.push(await prepared());
  for (const body of bodies.splice(0, 20)) expect(await post(body)).toBe(200);
  const tookMs: number[] = [];
  let failed = 0;
  const began = performance.now();
  const all = bodies.map(async (body, index) => {
    const due = began + index * everyMs;
    await delay(Math.max(0, due - performance.now()));
    const status = await post(body).catch(() => 0);
    // From when it was due: a pause of the control plane, or of ours, counts for all that waited.
    tookMs.push(performance.now() - due);
    if (status !== 200) failed += 1;
  });
  await Promise.all(all);
  const seconds = (performance.now() - began) / 1000;
  const { records, intact } = await serve.admin.audit(10_000);
  const recorded = records.filter(({ event }) => event.kind === 'job-exchanged').length;
  expect(failed).toBe(0);
  expect(intact).toBe(true);
  expect(recorded).toBe(exchanges + 20);
  expect(broken).toBe(0);
  const p99 = quantile(tookMs, 0.99);
  figure('exchanges', exchanges);
  figure('perSecond', Math.round(exchanges / seconds));
  figure('streams', streams);
  figure('medianMs', Math.round(quantile(tookMs, 0.5) * 10) / 10);
  figure('p99Ms', Math.round(p99 * 10) / 10);
  figure('maxMs', Math.round(quantile(tookMs, 1) * 10) / 10);
  figure('failed', failed);
  figure('inTheAuditLog', recorded - 20);
  if (qualifying) expect(p99).toBeLessThan(50);
});
