// (11) A CI job without a secret: the token that GitLab signs for it buys an SVID, with which it calls GitLab's API as the account that a
// document gives it; the job of a fork gets nothing.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { forkClaims, type JobToken } from '../../test/support/gitlab-stand-in.ts';
import { addressesOf } from '../house/control-planes.ts';
import { untilTrue } from '../house/until.ts';
import type { World } from '../house/world.ts';
import { requestHttp1 } from '../wire/http1.ts';
import { describe, type Outcome } from '../wire/outcome.ts';
import { connectTls, secureContext } from '../wire/tls.ts';
import { must, type Step } from './step.ts';

const api = 'gitlab-api';
const releases = '/api/v4/projects/42/releases';
const keys = [`Service/${api}`, 'Workload/ci-jobs', 'AuthorizationPolicy/ci-releases'] as const;

export const ciJob: Step = {
  name: 'ci-job',
  title: '11 a CI job: its token for an SVID, an account for its SVID',
  withinMs: 60_000,
  async run(world, tell) {
    const { cellwall, controlPlane, folder, ci } = world;
    const file = join(folder, 'ci.yaml');
    writeFileSync(file, documents(world.documents.trustDomain));
    await cellwall.expect('apply', '-f', file);
    const inbound = await startApi(world);

    const job = await exchange(world, 'job', {});
    must(job.code === 0, `svid exchange: ${job.stderr}`);
    const { spiffeId }: { readonly spiffeId: string } = JSON.parse(job.stdout);
    must(spiffeId.endsWith('/ci/42/branch/main'), `the job is ${spiffeId}`);
    tell.held('cellwall svid exchange, in a job of project 42', spiffeId);

    const call = async (path: string): Promise<Outcome> => {
      const read = (name: string): string => readFileSync(join(folder, 'ci-job', name), 'utf8');
      const { socket } = await connectTls({
        address: inbound,
        expect: world.spiffeId(api),
        context: secureContext({ ca: read('bundle.pem'), certificate: read('svid.pem'), key: read('key.pem') }),
        alpn: ['http/1.1'],
      });
      return requestHttp1({ socket }, { method: 'POST', path, json: {} });
    };
    const made = await call(releases);
    must(made.kind === 'ok' && String(made.body).includes('release-bot'), `the job's call: ${describe(made)}`);
    tell.held(`its POST ${releases}, without a token`, `made as ${JSON.parse(String(made.body)).account}`);
    const other = await call('/api/v4/projects/43/releases');
    must(other.kind === 'refused' && other.code === 403, `a call for another project: ${describe(other)}`);
    tell.held('the same for project 43', describe(other));
    must(!ci.arrived.includes('none'), 'a call arrived without a token');

    const refused = [
      ['of a merge request from a fork', { claims: forkClaims }],
      ['for another audience', { aud: 'vault' }],
      ['that has expired', { timeoutSeconds: -120 }],
    ] as const satisfies readonly (readonly [string, JobToken])[];
    for (const [what, token] of refused) {
      const { code, stderr } = await exchange(world, `refused-${what.split(' ').at(-1)}`, token);
      must(code === 1 && stderr.includes('not accepted'), `a token ${what}: exit ${code}, ${stderr}`);
    }
    tell.held(`tokens ${refused.map(([what]) => what).join(', ')}`, 'not accepted, and nobody is told why');
    const audit = await cellwall.expect('audit');
    const recorded = audit.split('job-refused').length - 1;
    must(audit.includes('job-exchanged') && recorded >= refused.length, `cellwall audit: ${audit}`);
    tell.held('cellwall audit', `the exchange, and ${recorded} refusals with their reasons`);
    await controlPlane.admin.apply({ changes: keys.map((key) => ({ op: 'delete', key })) });
    return { spiffeId, refused: refused.length };
  },
};

/** Ids decide, whatever a branch is called. */
function documents(trustDomain: string): string {
  const jobs = `spiffe://${trustDomain}/ci`;
  return [
    `kind: Service
metadata: {name: ${api}}
spec:
  protocol: http1
  mtls: {mode: strict}
  credential: {header: private-token, grants: [{secret: release-bot, from: [{prefix: "${jobs}/42/"}]}]}`,
    `kind: Workload
metadata: {name: ci-jobs}
spec:
  identity: {template: "${jobs}/{project_id}/{ref_type}/{ref}"}
  selectors: [{attestor: gitlab-id-token, match: {instance: gitlab, namespace_id: "7", ref_protected: "true"}}]
  lifetime: 15m`,
    `kind: AuthorizationPolicy
metadata: {name: ci-releases}
spec:
  target: {service: ${api}}
  action: allow
  rules: [{from: [{prefix: "${jobs}/42/"}], to: [{methods: [POST], path: {exact: ${releases}}}]}]`,
  ]
    .map((text) => `apiVersion: cellwall/v1\n${text}\n`)
    .join('---\n');
}

/** The sidecar before it, for as long as the demo runs. */
async function startApi({ cellwall, controlPlanes, controlPlane, folder, ports, ci }: World): Promise<string> {
  const inbound = `127.0.0.1:${await ports.next()}`;
  const { token } = await controlPlane.admin.createToken({ service: api });
  const addresses = addressesOf(controlPlanes);
  const data = join(folder, 'sidecars', api);
  const args = [
    ...['sidecar', '--service', api, '--data', data, '--listen', inbound, '--app', `127.0.0.1:${ci.api}`],
    ...['--identity-address', addresses.identity, '--xds-address', addresses.xds, '--drain-seconds', '0'],
  ];
  cellwall.start(args, {
    name: `sidecar of ${api}`,
    logFile: join(folder, 'sidecars', `${api}.log`),
    env: { CELLWALL_TOKEN: token },
    sidecarFolder: data,
  });
  const serves = async (): Promise<boolean> => {
    const { proxies } = await controlPlane.admin.proxies();
    return proxies.some(({ service, ready }) => service === api && ready);
  };
  await untilTrue(serves, { what: `the sidecar of ${api} serves`, withinMs: 20_000, everyMs: 50 });
  return inbound;
}

/** As a job's script does it. */
function exchange({ cellwall, controlPlanes, folder, ci }: World, name: string, token: JobToken) {
  const own = join(folder, `ci-${name}`);
  mkdirSync(own, { mode: 0o700 });
  writeFileSync(join(own, 'token'), ci.gitlab.idToken(token), { mode: 0o600 });
  return cellwall.run(
    ...['-o', 'json', 'svid', 'exchange', '--dir', own, '--id-token-file', join(own, 'token')],
    ...['--identity-address', addressesOf(controlPlanes).identity],
    ...['--trust-bundle', join(folder, 'clients', 'httpRouter', 'bundle.pem')],
  );
}
