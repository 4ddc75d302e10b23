// A CI job's token for an SVID, over the wire and as files: what the job gets, what it is told, and what goes on record.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { AuditEvent } from '../../src/audit/audit-event.ts';
import { createEntitlement } from '../../src/control/entitlement.ts';
import { uriSans } from '../../src/identity/x509/uri-sans.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import { createLifecycle, type Lifecycle } from '../../src/lib/lifecycle.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import type { Table } from '../../src/lib/table.ts';
import { recordExchanges } from '../../src/serve/record-exchanges.ts';
import { exchangeToken } from '../../src/sidecar/svid/exchange-token.ts';
import { fetchSvid } from '../../src/sidecar/svid/svid-fetch.ts';
import { eventually } from '../support/eventually.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { forkClaims, type GitlabStandIn, startGitlab } from '../support/gitlab-stand-in.ts';
import { createIdentityHarness, domainOf, type IdentityHarness } from '../support/identity-harness.ts';
import { createMemoryAudit } from '../support/memory-audit.ts';
import { createMemoryTable } from '../support/memory-table.ts';
import { meshOf, meshText, workloadText, yaml } from '../support/resolve-text.ts';

const template = 'spiffe://td1/ci/{project_id}/{ref_type}/{ref}';
const selector =
  '{attestor: gitlab-id-token, match: {instance: gitlab.example, namespace_id: "7", ref_protected: "true"}}';
const mesh = meshOf(
  yaml(
    meshText(),
    workloadText('jobs', `{identity: {template: "${template}"}, selectors: [${selector}], lifetime: 10m}`),
  ),
);
let gitlab: GitlabStandIn;
let clock: FakeClock;
let harness: IdentityHarness;
let lifecycle: Lifecycle;
let folder: string;
let audit: ReturnType<typeof createMemoryAudit>;
let disk: 'works' | 'full';
/** What uses of tokens wait for; undefined: nothing. */
let kept: Promise<void> | undefined;

beforeAll(async () => {
  gitlab = await startGitlab();
});
afterAll(() => gitlab.close());
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-exchange-'));
  lifecycle = createLifecycle();
  clock = createFakeClock(Date.now());
  audit = createMemoryAudit(clock);
  [disk, kept] = ['works', undefined];
  const memory = createMemoryTable();
  const tokens: Table = {
    ...memory,
    claim(key, value, options) {
      if (kept !== undefined) options?.onKept?.(kept);
      return memory.claim(key, value, options);
    },
  };
  const { issuer, caFile } = gitlab;
  harness = await createIdentityHarness({
    tokens,
    attestors: { 'gitlab-id-token': { instances: [{ name: 'gitlab.example', issuer, caFile, audience: 'cellwall' }] } },
    entitlement: (nodes) => createEntitlement({ trustDomain: domainOf('td1'), mesh: () => mesh, nodes }),
    whyNot: createEntitlement({
      trustDomain: domainOf('td1'),
      mesh: () => mesh,
      nodes: { find: async () => undefined },
    }).whyNot,
    exchanges: recordExchanges({
      audit: {
        append: (event) => (disk === 'full' ? Promise.reject(new Error('no space left')) : audit.append(event)),
      },
      ...{ clock, lifecycle, log: silentLog },
    }),
  });
});
afterEach(async () => {
  await harness.close();
  await lifecycle.close();
  rmSync(folder, { recursive: true, force: true });
});

const exchange = (token: string, more: Partial<Parameters<typeof exchangeToken>[0]> = {}) =>
  exchangeToken({
    identity: `${harness.address.host}:${harness.address.port}`,
    ...{ attestor: 'gitlab-id-token', token: new Redacted(token), roots: harness.roots(), audience: 'cellwall' },
    ...{ dir: join(folder, 'svid'), jwtAudience: [], log: silentLog, patienceMs: 0, ...more },
  });
const events = async (): Promise<readonly AuditEvent[]> => (await audit.read(1000)).records.map(({ event }) => event);
const failure = (attempt: Promise<unknown>) =>
  attempt.then(
    () => undefined,
    (reason: unknown) => CellwallError.from(reason),
  );

it('gives a job its certificate, key and roots as files, and tells a shell where they are', async () => {
  const token = gitlab.idToken({ claims: { ref: '../prod' }, timeoutSeconds: 300 });
  const { svid, files } = await exchange(token, { jwtAudience: ['vault', 'registry'] });
  expect(svid.spiffeId).toBe('spiffe://td1/ci/42/branch/.._2fprod');
  const read = (name: string) => readFileSync(join(folder, 'svid', name), 'utf8');
  const leaf = new X509Certificate(read('leaf.pem'));
  expect(uriSans(leaf.raw)).toEqual([svid.spiffeId]);
  expect(leaf.checkPrivateKey(createPrivateKey(read('key.pem')))).toBe(true);
  expect(read('svid.pem')).toBe(`${read('leaf.pem')}${read('intermediates.pem')}`);
  expect(leaf.validToDate.getTime()).toBeLessThanOrEqual(Date.now() + 300_000);
  for (const secret of ['key.pem', 'jwt-svid.token', 'node-key.pem']) {
    expect(statSync(join(folder, 'svid', secret)).mode & 0o077, secret).toBe(0);
  }
  expect(read('env')).toContain(`export CELLWALL_SPIFFE_ID='spiffe://td1/ci/42/branch/.._2fprod'\n`);
  const claims: object = JSON.parse(Buffer.from(read('jwt-svid.token').split('.')[1] ?? '', 'base64url').toString());
  expect(claims).toMatchObject({ sub: svid.spiffeId, aud: ['vault', 'registry'] });
  expect(files).toContain(join(folder, 'svid', 'jwt-svid.token'));
  const serial = leaf.serialNumber.toLowerCase();
  expect(await events()).toEqual([
    expect.objectContaining({
      ...{ kind: 'job-exchanged', attestor: 'gitlab-id-token', spiffeId: svid.spiffeId, address: '127.0.0.1' },
      proved: expect.objectContaining({
        instance: 'gitlab.example',
        project_id: '42',
        ref: '../prod',
        user_login: 'robin',
      }),
    }),
  ]);
  expect(JSON.stringify(await events()).toLowerCase()).toContain(serial.replace(/^0+/, ''));
});

it('tells a shell paths that hold in other folders, too', async () => {
  const { files } = await exchange(gitlab.idToken(), { dir: relative(process.cwd(), join(folder, 'svid')) });
  const env = readFileSync(join(folder, 'svid', 'env'), 'utf8');
  expect(env).toContain(`export CELLWALL_SVID_KEY='${join(folder, 'svid', 'key.pem')}'\n`);
  expect(files.every((file) => file.startsWith('..'))).toBe(true);
});

it('again, in the same folder, gives the same job another certificate, and another job nothing of the first', async () => {
  const first = gitlab.idToken();
  const { svid } = await exchange(first);
  expect((await exchange(first)).svid.spiffeId).toBe(svid.spiffeId);
  const next = await exchange(gitlab.idToken({ claims: { ref: 'v1', ref_type: 'tag' } }));
  expect(next.svid.spiffeId).toBe('spiffe://td1/ci/42/tag/v1');
  const fork = gitlab.idToken({ claims: forkClaims });
  expect(await failure(exchange(fork))).toMatchObject({ code: 'unauthenticated' });
  expect(() => readFileSync(join(folder, 'svid', 'svid.pem'))).toThrow('ENOENT');
});

it('is renewed in its folder without a token, and never beyond the job', async () => {
  const { svid } = await exchange(gitlab.idToken({ timeoutSeconds: 120 }));
  const identity = `${harness.address.host}:${harness.address.port}`;
  const renewed = await fetchSvid({ identity, dir: join(folder, 'svid'), log: silentLog });
  expect(renewed.spiffeId).toBe(svid.spiffeId);
  expect(renewed.notAfter.getTime()).toBeLessThanOrEqual(Date.now() + 120_000);
  expect(new X509Certificate(readFileSync(renewed.chain)).serialNumber).not.toBe(
    new X509Certificate(svid.chain).serialNumber,
  );
});

it.each(['as they are', 'of an earlier version, which were no links'])('is renewed in its parts: %s', async (kind) => {
  await exchange(gitlab.idToken());
  const dir = join(folder, 'svid');
  const read = (name: string): string => readFileSync(join(dir, name), 'utf8');
  const before = read('leaf.pem');
  if (kind !== 'as they are') {
    for (const name of ['leaf.pem', 'intermediates.pem']) {
      const text = read(name);
      rmSync(join(dir, name));
      writeFileSync(join(dir, name), text);
    }
  }
  await fetchSvid({ identity: `${harness.address.host}:${harness.address.port}`, dir, log: silentLog });
  expect(read('leaf.pem')).not.toBe(before);
  expect(read('svid.pem')).toBe(`${read('leaf.pem')}${read('intermediates.pem')}`);
  expect(new X509Certificate(read('leaf.pem')).checkPrivateKey(createPrivateKey(read('key.pem')))).toBe(true);
});

it('tells none of the reasons to whoever is refused, and all of them to the audit log', async () => {
  const used = gitlab.idToken();
  await exchange(used);
  const refusals: readonly (readonly [string, RegExp])[] = [
    [gitlab.idToken({ claims: forkClaims }), /merge request from a fork/],
    [gitlab.idToken({ claims: { exp: 1_700_000_000 } }), /expired/],
    [used, /another host/],
    [gitlab.idToken({ claims: { iss: 'https://gitlab.com' } }), /issuer that is not known/],
    [gitlab.userToken(['cellwall']), /no key/],
    ['a.e30.bb', /base64url/],
  ];
  for (const [index, [token, reason]] of refusals.entries()) {
    const told = await failure(exchange(token, { dir: join(folder, `other-${index}`), audience: undefined }));
    expect(told).toMatchObject({ code: 'unauthenticated', message: 'this token is not accepted' });
    expect((await events()).at(-1)).toMatchObject({ kind: 'job-refused', reason: expect.stringMatching(reason) });
  }
  expect((await events()).filter(({ kind }) => kind === 'job-exchanged')).toHaveLength(1);
});

it('tells a job that earns nothing so, and operators what did not match', async () => {
  const told = await failure(exchange(gitlab.idToken({ claims: { ref_protected: 'false' } })));
  expect(told).toMatchObject({ code: 'permission_denied', message: 'what "gitlab-id-token" proved earns no identity' });
  const [event] = await events();
  expect(event).toMatchObject({ kind: 'job-refused', why: [expect.stringContaining('ref_protected must be "true"')] });
  expect(event).toHaveProperty('proved.ref_protected', 'false');
});

it('gives nothing that cannot be put on record', async () => {
  disk = 'full';
  const token = gitlab.idToken();
  expect(await failure(exchange(token))).toMatchObject({ code: 'unavailable' });
  // It is known by its node key now.
  expect(await failure(exchange(token, { attestor: 'node-key' }))).toMatchObject({ code: 'unavailable' });
  disk = 'works';
  const { svid } = await exchange(token, { attestor: 'node-key' });
  expect(await events()).toEqual([
    expect.objectContaining({ kind: 'job-exchanged', attestor: 'node-key', spiffeId: svid.spiffeId }),
  ]);
});

it('gives nothing before the use of the token is on the disk, for which it waits while the rest is done', async () => {
  let arrive = (): void => {};
  kept = new Promise((resolve) => {
    arrive = resolve;
  });
  let isThere = false;
  const taken = exchange(gitlab.idToken()).then((one) => {
    isThere = true;
    return one;
  });
  await eventually('it is on record', async () => ((await events()).length > 0 ? true : undefined));
  expect(isThere).toBe(false);
  arrive();
  await taken;
});

it('gives nothing if the use of the token may not be on the disk, nor later for the node key that used it', async () => {
  kept = Promise.reject(new CellwallError('unavailable', 'the disk is full'));
  kept.catch(() => {});
  const token = gitlab.idToken();
  expect(await failure(exchange(token))).toMatchObject({ code: 'unavailable' });
  kept = undefined;
  expect(await failure(exchange(token, { attestor: 'node-key' }))).toMatchObject({ code: 'unauthenticated' });
  expect((await exchange(token)).svid.spiffeId).toBe('spiffe://td1/ci/42/branch/main');
});

it('of two at once in one folder one goes on, and its files are of one piece', async () => {
  const tries = [exchange(gitlab.idToken()), exchange(gitlab.idToken({ claims: { ref: 'other' } }))];
  const [taken, ...others] = (await Promise.allSettled(tries)).flatMap((one) =>
    one.status === 'fulfilled' ? [one.value] : [],
  );
  expect(others).toEqual([]);
  const read = (name: string) => readFileSync(join(folder, 'svid', name), 'utf8');
  expect(read('env')).toContain(`'${taken?.svid.spiffeId}'`);
  expect(new X509Certificate(read('svid.pem')).checkPrivateKey(createPrivateKey(read('key.pem')))).toBe(true);
});

it('does not send a token that is for somebody else, or no token', async () => {
  for (const aud of ['vault', ['cellwall', 'vault']]) {
    expect(await failure(exchange(gitlab.idToken({ aud })))).toMatchObject({ code: 'invalid_argument' });
  }
  expect(await failure(exchange('nothing'))).toMatchObject({ code: 'invalid_argument' });
  expect(await events()).toEqual([]);
});

it('counts refusals without end', async () => {
  const exchanges = recordExchanges({ audit, clock, lifecycle, log: silentLog });
  const failed = new CellwallError('unauthenticated', 'no token');
  for (let turn = 0; turn < 1000; turn++) exchanges.refused({ address: '127.0.0.1', failed, why: [] });
  clock.advance(60_000);
  const found = await events();
  expect(found.filter(({ kind }) => kind === 'job-refused')).toHaveLength(600);
  expect(found.at(-1)).toEqual({ kind: 'jobs-refused', count: 400, reasons: ['400 × no token'] });
});
