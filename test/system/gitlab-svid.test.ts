// The CI component that gives a job its SVID, run by a stand-in for the runner against a real control plane, and the programs that use it:
// curl, npm, Docker's registry, what Terraform is given, and AWS's own credential helper of Roles Anywhere.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runComponentJob } from '../support/ci-runner.ts';
import { figure } from '../support/figure.ts';
import { type Claims, forkClaims, type GitlabStandIn, startGitlab } from '../support/gitlab-stand-in.ts';
import { type MtlsRegistry, startMtlsRegistry } from '../support/mtls-registry.ts';
import { meshText, serviceText, workloadText, yaml } from '../support/resolve-text.ts';
import { type RolesAnywhere, startRolesAnywhere } from '../support/roles-anywhere.ts';
import { type ServeProcess, startServeProcess } from '../support/serve-process.ts';
import { projectRoot } from '../support/source-files.ts';
import { createTestCa } from '../support/test-ca.ts';

const component = readFileSync(join(projectRoot, 'deploy/gitlab-ci/svid.gitlab-ci.yml'), 'utf8');
const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'cellwall');
const helper = join(cache, 'rolesanywhere/rolesanywhere-credential-helper');
const identity = '{template: "spiffe://td1/ci/{project_id}/{ref_type}/{ref}"}';
const selectors = '[{attestor: gitlab-id-token, match: {instance: gitlab.example, namespace_id: "7"}}]';
const id = 'spiffe://td1/ci/42/branch/main';
const arn = (of: string): string => `arn:aws:rolesanywhere:eu-west-1:123456789012:${of}`;
let folder: string;
let gitlab: GitlabStandIn;
let serve: ServeProcess;
let registry: MtlsRegistry;
let aws: RolesAnywhere;
let env: Readonly<Record<string, string>>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-svid-ci-'));
  gitlab = await startGitlab();
  const attestors = join(folder, 'attestors.yaml');
  const { issuer, caFile } = gitlab;
  const instance = `{name: gitlab.example, issuer: "${issuer}", audience: cellwall, caFile: "${caFile}"}`;
  writeFileSync(attestors, `gitlab-id-token: {instances: [${instance}]}\n`);
  const documents = yaml(
    meshText(),
    serviceText('api'),
    workloadText('jobs', `{identity: ${identity}, selectors: ${selectors}}`),
  );
  serve = await startServeProcess(documents, { args: ['--attestors', attestors] });
  const roots = readFileSync((await serve.enrol('api')).bundle, 'utf8');
  writeFileSync(join(folder, 'roots.pem'), roots);
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  const program = `'${process.execPath}' '${join(projectRoot, 'bin/cellwall.cjs')}'`;
  const command = `exec ${program} "$@" --identity-address 127.0.0.1:${serve.ports.identity}`;
  writeFileSync(join(bin, 'cellwall'), `#!/bin/sh\n${command}\n`);
  chmodSync(join(bin, 'cellwall'), 0o755);
  const ca = await createTestCa('of the registry');
  writeFileSync(join(folder, 'registry-ca.pem'), ca.root);
  const { certificate, key } = await ca.issue({ ip: ['127.0.0.1'], dns: ['localhost'] });
  mkdirSync(join(folder, 'package'));
  writeFileSync(
    join(folder, 'package', 'package.json'),
    JSON.stringify({ name: 'hello-from-a-job', version: '1.2.3' }),
  );
  execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: join(folder, 'package') });
  const bytes = readFileSync(join(folder, 'hello-from-a-job-1.2.3.tgz'));
  registry = await startMtlsRegistry({
    certificate,
    key,
    roots,
    tarball: { name: 'hello-from-a-job', version: '1.2.3', bytes },
  });
  aws = await startRolesAnywhere(roots);
  env = {
    PATH: `${bin}:${join(process.execPath, '..')}:${process.env['PATH'] ?? ''}`,
    HOME: folder,
    CI_JOB_ID: '7',
    CELLWALL_TRUST_BUNDLE: join(folder, 'roots.pem'),
    REGISTRY: `localhost:${registry.port}`,
    REGISTRY_CA: join(folder, 'registry-ca.pem'),
    HELPER: helper,
    ROLES_ANYWHERE: aws.url,
  };
}, 120_000);
afterAll(async () => {
  await serve?.stop();
  await Promise.all([gitlab?.close(), registry?.close(), aws?.close()]);
  rmSync(folder, { recursive: true, force: true });
});

let checkouts = 0;
function run(script: readonly string[], claims: Claims = {}, inputs: Readonly<Record<string, string>> = {}) {
  const checkout = join(folder, `checkout-${++checkouts}`);
  mkdirSync(checkout);
  const job = { component, extends: '.cellwall-svid', script, folder: checkout, env };
  const idToken = (aud: string) => gitlab.idToken({ aud, claims });
  return runComponentJob({ ...job, inputs: { server: '127.0.0.1', ...inputs }, idToken });
}

test('a job has its SVID as files and in its environment, and leaves nothing', async () => {
  const script = [
    'test -z "$CELLWALL_ID_TOKEN" && echo "id=$CELLWALL_SPIFFE_ID, no token"',
    'openssl x509 -in "$CELLWALL_SVID_CERTIFICATE" -noout -ext subjectAltName',
    'openssl verify -CAfile "$CELLWALL_SVID_BUNDLE" -untrusted "$CELLWALL_SVID_DIR/intermediates.pem" "$CELLWALL_SVID_DIR/leaf.pem"',
    'test -s "$CELLWALL_JWT_SVID_FILE"',
    'echo "$CELLWALL_SVID_DIR" > dir',
  ];
  const { code, output } = await run(script, {}, { jwt_audience: 'vault' });
  expect(code, output).toBe(0);
  expect(output).toContain(`id=${id}, no token`);
  expect(output).toContain(`URI:${id}`);
  expect(output).toMatch(/leaf.pem: OK/);
  expect(existsSync(readFileSync(join(folder, `checkout-${checkouts}`, 'dir'), 'utf8').trim())).toBe(false);
});

test('curl, npm and what Docker asks reach a registry with it, and none of them without', async () => {
  const npm =
    'npm install --silent --no-audit --no-fund --no-update-notifier --cache ./cache ' +
    '--userconfig ./npmrc --registry "https://$REGISTRY/" hello-from-a-job';
  const script = [
    'curl -sSf --cert "$CELLWALL_SVID_CERTIFICATE" --key "$CELLWALL_SVID_KEY" --cacert "$REGISTRY_CA" "https://$REGISTRY/v2/"',
    'echo "cafile=$REGISTRY_CA" > npmrc',
    'echo "//$REGISTRY/:certfile=$CELLWALL_SVID_CERTIFICATE" >> npmrc',
    'echo "//$REGISTRY/:keyfile=$CELLWALL_SVID_KEY" >> npmrc',
    npm,
    'node -p "require(\'./node_modules/hello-from-a-job/package.json\').version"',
    // Docker's client reads these by the registry's name.
    'certs="$HOME/certs.d/$REGISTRY"; mkdir -p "$certs"; cp "$REGISTRY_CA" "$certs/ca.crt"',
    'cp "$CELLWALL_SVID_CERTIFICATE" "$certs/client.cert"; cp "$CELLWALL_SVID_KEY" "$certs/client.key"',
    '(cd "$certs"; curl -sSf --cert client.cert --key client.key --cacert ca.crt -D - "https://$REGISTRY/v2/"); rm -r "$certs"',
  ];
  const { code, output } = await run(script);
  expect(code, output).toBe(0);
  expect(output).toContain('1.2.3');
  expect(output.toLowerCase()).toContain('docker-distribution-api-version: registry/2.0');
  expect([...new Set(registry.asked)].sort()).toEqual([
    `${id} /hello-from-a-job`,
    `${id} /hello-from-a-job/-/hello-from-a-job-1.2.3.tgz`,
    `${id} /v2/`,
  ]);
  const before = registry.asked.length;
  for (const command of [
    'curl -sS --cacert "$REGISTRY_CA" "https://$REGISTRY/v2/"',
    `printf "cafile=%s\\n" "$REGISTRY_CA" > npmrc; ${npm} --fetch-retries 0`,
  ])
    expect((await run([command])).code, command).not.toBe(0);
  expect(registry.asked).toHaveLength(before);
});

test('Terraform finds the content where its HTTP backend looks for it', async () => {
  const script = [
    'printf "%s\\n" "$TF_HTTP_CLIENT_CERTIFICATE_PEM" > cert.pem; (umask 077; printf "%s\\n" "$TF_HTTP_CLIENT_PRIVATE_KEY_PEM" > key.pem)',
    'curl -sSf --cert cert.pem --key key.pem --cacert "$REGISTRY_CA" "https://$REGISTRY/v2/"; rm key.pem',
    'printf "%s" "$TF_HTTP_CLIENT_CA_CERTIFICATE_PEM" | openssl x509 -noout',
  ];
  const { code, output } = await run(script);
  expect(code, output).toBe(0);
});

test("AWS's credential helper gets credentials with it, as a credential_process", async () => {
  const sign =
    '"$HELPER" credential-process --certificate "$CELLWALL_SVID_DIR/leaf.pem" --intermediates "$CELLWALL_SVID_DIR/intermediates.pem" ' +
    `--private-key "$CELLWALL_SVID_KEY" --trust-anchor-arn ${arn('trust-anchor/a')} --profile-arn ${arn('profile/b')} ` +
    '--role-arn arn:aws:iam::123456789012:role/deploy --endpoint "$ROLES_ANYWHERE"';
  const { code, output } = await run([sign]);
  expect(code, output).toBe(0);
  expect(JSON.parse(output.slice(output.indexOf('{"Version')))).toMatchObject({
    Version: 1,
    AccessKeyId: 'ASIAEXAMPLE',
  });
  expect(aws.sessions).toEqual([id]);
  // The controls: without the intermediate nobody vouches for it, and with another key the signature is not its own.
  const alone = await run([sign.replace(/--intermediates \S+ /, '')]);
  expect(alone.code).not.toBe(0);
  const stranger = 'openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt > other.pem';
  const other = await run([stranger, sign.replace('"$CELLWALL_SVID_KEY"', 'other.pem'), 'rm other.pem']);
  expect(other.code).not.toBe(0);
  expect(aws.refused).toEqual(['not of the trust anchor', 'the signature is not of that key']);
  expect(aws.sessions).toHaveLength(1);
});

test("a fork's job ends before its script, with nothing of why", async () => {
  const { code, output } = await run(['echo "it ran"'], forkClaims);
  expect(code).not.toBe(0);
  expect(output).not.toContain('it ran');
  expect(output).toContain('this token is not accepted');
  expect(output).not.toContain('fork');
  const { records } = await serve.admin.audit(100);
  expect(records.at(-1)?.event).toMatchObject({ kind: 'job-refused', reason: expect.stringContaining('fork') });
  figure('programs', 'curl, npm, Docker (its paths), Terraform (its variables), AWS credential helper 1.4.0');
});
