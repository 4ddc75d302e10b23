// A CI job from its token to a call: a real control plane gives it an SVID, and a real Envoy takes that, and lets in whom policy names by
// its ID. Whoever must get none gets none, and the audit log says why.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EchoApplication, startHttp1Echo } from '../support/echo-application.ts';
import { eventually } from '../support/eventually.ts';
import { exchangeAt } from '../support/exchange-at.ts';
import { figure } from '../support/figure.ts';
import { freePorts } from '../support/free-ports.ts';
import { type Claims, forkClaims, type GitlabStandIn, type JobToken, startGitlab } from '../support/gitlab-stand-in.ts';
import { policyText, serviceText, workloadText, yaml } from '../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';
import { startSidecarEnvoy } from '../support/sidecar-envoy.ts';
import type { RunningEnvoy } from '../support/start-envoy.ts';
import { tlsTry } from '../support/tls-try.ts';

const match = '{instance: gitlab.example, namespace_id: "7", ref_protected: "true"}';
const template = 'spiffe://td1/ci/{project_id}/{ref_type}/{ref}';
const documents = yaml(
  'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: strict}}',
  serviceText('api'),
  workloadText(
    'jobs',
    `{identity: {template: "${template}"}, selectors: [{attestor: gitlab-id-token, match: ${match}}]}`,
  ),
  policyText(
    'api',
    'api',
    'allow',
    '[{from: [{spiffeId: "spiffe://td1/ci/42/branch/main"}, {prefix: "spiffe://td1/ci/43/"}]}]',
  ),
);
let folder: string;
let gitlab: GitlabStandIn;
let wall: ServeHarness;
let envoy: RunningEnvoy;
let application: EchoApplication;
let port = 0;
let roots: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-job-'));
  [gitlab, application, [port = 0]] = await Promise.all([startGitlab(), startHttp1Echo(), freePorts(1)]);
  const attestors = join(folder, 'attestors.yaml');
  const { issuer, caFile } = gitlab;
  const instance = `{name: gitlab.example, issuer: "${issuer}", audience: cellwall, caFile: "${caFile}"}`;
  writeFileSync(attestors, `gitlab-id-token: {instances: [${instance}]}\n`);
  wall = await startServe(documents, { attestors });
  const variant = 'delta' as const;
  envoy = await startSidecarEnvoy(wall, 'spiffe://td1/service/api', {
    variant,
    inbound: port,
    application: application.port,
  });
  roots = readFileSync((await wall.enrol('spiffe://td1/service/api')).bundle, 'utf8');
  const allowed = await job();
  await eventually('it lets the job in', async () => ((await call(allowed)) === 200 ? true : undefined), 30_000);
}, 60_000);
afterAll(async () => {
  await envoy?.stop();
  await wall?.stop();
  await Promise.all([application?.stop(), gitlab?.close()]);
  rmSync(folder, { recursive: true, force: true });
});

let folders = 0;
const exchange = (token: string) =>
  exchangeAt({ port: wall.identityPort, roots, token, dir: join(folder, `svid-${++folders}`) });
const job = (claims: Claims = {}, more: JobToken = {}) => exchange(gitlab.idToken({ ...more, claims }));
async function call({ chain, key }: { readonly chain: string; readonly key: string }): Promise<number> {
  const { answer } = await tlsTry({ port, cert: chain, key });
  return Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 0);
}
const audited = async (kind: string) =>
  (await wall.admin.audit(1000)).records.filter(({ event }) => event.kind === kind);

test('a job calls a service by its ID, and others by theirs', async () => {
  const ids: [Claims, string, number][] = [
    [{}, 'spiffe://td1/ci/42/branch/main', 200],
    [{ project_id: '43', ref: 'anything' }, 'spiffe://td1/ci/43/branch/anything', 200],
    [{ ref_type: 'tag' }, 'spiffe://td1/ci/42/tag/main', 403],
    [{ ref: '../main' }, 'spiffe://td1/ci/42/branch/.._2fmain', 403],
    [{ ref: '../../43/x' }, 'spiffe://td1/ci/42/branch/.._2f.._2f43_2fx', 403],
    [{ ref: 'main%2f' }, 'spiffe://td1/ci/42/branch/main_252f', 403],
    [{ project_id: '4', ref: '3/main' }, 'spiffe://td1/ci/4/branch/3_2fmain', 403],
  ];
  for (const [claims, id, status] of ids) {
    const svid = await job(claims);
    expect(svid.spiffeId).toBe(id);
    expect(await call(svid), id).toBe(status);
  }
  const taken = await audited('job-exchanged');
  expect(taken.at(-1)?.event).toMatchObject({ spiffeId: 'spiffe://td1/ci/4/branch/3_2fmain' });
  figure('jobsWithAnId', ids.length);
  figure('letInByTheirId', ids.filter(([, , status]) => status === 200).length);
});

test('a fork, an expired, replayed, or other-audience token gets nothing, and the reason is on record', async () => {
  const used = gitlab.idToken();
  await exchange(used);
  const past = Math.floor(Date.now() / 1000) - 3600;
  const refused: [string, RegExp][] = [
    [gitlab.idToken({ claims: forkClaims }), /merge request from a fork/],
    [gitlab.idToken({ claims: { iat: past, nbf: past, exp: past + 300 } }), /expired \(exp/],
    [used, /another host has attested/],
    [gitlab.idToken({ aud: 'vault' }), /\(aud/],
    [gitlab.idToken({ aud: ['cellwall', 'vault'] }), /for others as well/],
    [gitlab.userToken(['cellwall']), /no key by the name/],
  ];
  for (const [token, reason] of refused) {
    const before = (await audited('job-refused')).length;
    await expect(exchange(token)).rejects.toMatchObject({
      code: 'unauthenticated',
      message: 'this token is not accepted',
    });
    const found = await audited('job-refused');
    expect(found).toHaveLength(before + 1);
    expect(found.at(-1)?.event).toMatchObject({ reason: expect.stringMatching(reason) });
  }
  const unprotected = gitlab.idToken({ claims: { ref_protected: 'false' } });
  await expect(exchange(unprotected)).rejects.toMatchObject({ code: 'permission_denied' });
  expect((await audited('job-refused')).at(-1)?.event).toMatchObject({
    why: [expect.stringContaining('ref_protected must be "true", and is "false"')],
  });
  figure('refusedWithAReason', refused.length + 1);
});
