// The attestor of GitLab's jobs: what their tokens prove, for whom and how often, and where the keys come from.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Attestor, AttestorDeps } from '../../src/identity/attestor/attestor.ts';
import { type AttestorOptions, attestorOptionsSchema } from '../../src/identity/attestor/attestor-options.ts';
import { createGitlabIdTokenAttestor } from '../../src/identity/attestor/gitlab-id-token.ts';
import { defined } from '../../src/lib/defined.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { Table } from '../../src/lib/table.ts';
import { createWatched } from '../../src/lib/watchable.ts';
import { eventually } from '../support/eventually.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { type Claims, type GitlabStandIn, startGitlab } from '../support/gitlab-stand-in.ts';
import { createMemoryTable } from '../support/memory-table.ts';
import { testBundle } from '../support/test-bundle.ts';
import { attestorContract } from './attestor-contract.ts';

const bundle = createWatched(await testBundle());
let clock: FakeClock;
let gitlab: GitlabStandIn;
let other: GitlabStandIn;
beforeAll(async () => {
  const now = () => clock.now();
  [gitlab, other] = await Promise.all([startGitlab({ now }), startGitlab({ now })]);
});
beforeEach(() => {
  clock = createFakeClock(Date.now());
  gitlab.setAway(false);
});
afterAll(() => Promise.all([gitlab.close(), other.close()]));

const instance = (name: string, { issuer, caFile }: GitlabStandIn) => ({ name, issuer, caFile, audience: 'cellwall' });
function create(tokens = createMemoryTable(), issuerKeys?: Table): Attestor {
  const options: AttestorOptions = {
    'gitlab-id-token': { instances: [instance('gitlab.example', gitlab), instance('other.example', other)] },
  };
  const nodes = { find: async () => undefined };
  const deps: AttestorDeps = {
    ...{ tokens, nodes, clock, bundle, options },
    log: silentLog,
    ...defined({ issuerKeys }),
  };
  const made = createGitlabIdTokenAttestor(deps);
  if (made === undefined) throw new Error('it is not configured');
  return made;
}
const attest = (token: string, nodeKey = 'a', by = create()) => by.attest({ token }, { nodeKey });
const refused = (reason: string | RegExp) => ({ code: 'unauthenticated', message: expect.stringMatching(reason) });

attestorContract('gitlab-id-token', async () => ({
  attestor: create(),
  prove: async () => ({ token: gitlab.idToken() }),
  forged: [
    { token: gitlab.idToken({ aud: 'vault' }) },
    { token: gitlab.sign({ alg: 'RS256', kid: 'none', typ: 'JWT' }, gitlab.claimsOf()) },
  ],
}));

describe('a job', () => {
  it('proves what GitLab says of it, and ends with its token', async () => {
    const job = { claims: { environment: 'production', environment_protected: 'true' }, timeoutSeconds: 600 };
    const { attestor, values, notAfter } = await attest(gitlab.idToken(job));
    expect(attestor).toBe('gitlab-id-token');
    expect(values).toMatchObject({
      ...{ instance: 'gitlab.example', project_id: '42', project_path: 'group/app', namespace_id: '7' },
      ...{ ref: 'main', ref_type: 'branch', ref_protected: 'true', environment: 'production', runner_id: '5' },
    });
    expect(values).not.toHaveProperty('ci_config_sha');
    expect(notAfter).toBe((Math.floor(clock.now() / 1000) + 600) * 1000);
  });

  it('is told apart from one with the same ids of another GitLab', async () => {
    const by = create();
    expect((await attest(gitlab.idToken(), 'a', by)).values['instance']).toBe('gitlab.example');
    expect((await attest(other.idToken(), 'b', by)).values['instance']).toBe('other.example');
    const stolen = { ...other.claimsOf(), iss: gitlab.issuer };
    const forged = other.sign({ alg: 'RS256', kid: other.kid(), typ: 'JWT' }, stolen);
    await expect(attest(forged, 'c', by)).rejects.toMatchObject(refused('no key by the name'));
  });

  it.each<[string, Claims, RegExp]>([
    [
      'a fork',
      { job_project_id: '9' },
      /^project_id is not job_project_id: a merge request from a fork \(job \d+ runs/,
    ],
    ['a fork by its path alone', { job_project_path: 'x/y' }, /^project_path is not job_project_path/],
    ['a fork by its group alone', { job_namespace_id: '8' }, /^namespace_id is not job_namespace_id/],
    ['a GitLab that does not say where it runs', { job_project_id: undefined }, /job_project_id$/],
    ['no project', { project_id: undefined, job_project_id: undefined }, /project_id/],
    ['an id that is a number', { project_id: 42, job_project_id: 42 }, /project_id/],
    ['an id written differently', { project_id: '042', job_project_id: '042' }, /project_id/],
    ['no jti', { jti: undefined }, /jti/],
    ['an issue in the future', { iat: Math.floor(Date.now() / 1000) + 100 }, /issued in the future/],
    ['a protection that is no word of GitLab', { ref_protected: true }, /ref_protected/],
    ['another kind of ref', { ref_type: 'merge_request' }, /ref_type/],
    ['a ref without end', { ref: 'x'.repeat(2049) }, /ref, ref_path$/],
  ])('is refused for %s', async (_, claims, reason) => {
    await expect(attest(gitlab.idToken({ claims }))).rejects.toMatchObject(refused(reason));
  });

  it('is refused with a token for somebody else, or for somebody else as well', async () => {
    await expect(attest(gitlab.idToken({ aud: 'vault' }))).rejects.toMatchObject(refused(/aud: check failed/));
    const both = gitlab.idToken({ aud: ['cellwall', 'vault'] });
    await expect(attest(both)).rejects.toMatchObject(refused('for others as well'));
    await expect(attest(gitlab.userToken(['cellwall']))).rejects.toMatchObject(refused('no key by the name'));
  });

  it('is refused once its token has ended, or before it begins, and 60 s are forgiven', async () => {
    const token = gitlab.idToken({ timeoutSeconds: 300 });
    clock.advance(359_000);
    expect((await attest(token)).notAfter).toBeLessThan(clock.now());
    clock.advance(2000);
    await expect(attest(token)).rejects.toMatchObject(refused('has expired'));
    const early = gitlab.idToken({ claims: { nbf: Math.floor(clock.now() / 1000) + 61 } });
    await expect(attest(early)).rejects.toMatchObject(refused(/nbf/));
  });
});

describe('a token', () => {
  it('is of use to one node key, at all control planes, however it is written', async () => {
    const tokens = createMemoryTable();
    const [one, two] = [create(tokens), create(tokens)];
    const token = gitlab.idToken();
    await attest(token, 'a', one);
    await expect(attest(token, 'thief', two)).rejects.toMatchObject(refused('another host'));
    await attest(token, 'a', two);
    // As another token, by the same name.
    const again = gitlab.idToken({ claims: { jti: readClaim(token, 'jti') } });
    await expect(attest(again, 'thief', one)).rejects.toMatchObject(refused('another host'));
  });

  it('that two present at once is of use to one of them', async () => {
    const tokens = createMemoryTable();
    const token = gitlab.idToken();
    const tries = ['a', 'b', 'c', 'd'].map((key) => attest(token, key, create(tokens)));
    expect((await Promise.allSettled(tries)).filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });
});

describe('the keys of a GitLab', () => {
  const keysAsked = (of: GitlabStandIn) => of.asked.get('/oauth/discovery/keys') ?? 0;

  it('are found by discovery, and a new one is asked for at once, though once a minute only', async () => {
    const by = create();
    await attest(gitlab.idToken(), 'a', by);
    const before = keysAsked(gitlab);
    clock.advance(61_000);
    await gitlab.rotate();
    await attest(gitlab.idToken(), 'b', by);
    expect(keysAsked(gitlab)).toBe(before + 1);
    const unknown = () => gitlab.sign({ alg: 'RS256', kid: 'unknown', typ: 'JWT' }, gitlab.claimsOf());
    for (let turn = 0; turn < 10; turn++)
      await expect(attest(unknown(), 'c', by)).rejects.toThrow('no key by the name');
    expect(keysAsked(gitlab)).toBe(before + 1);
  });

  it('stay known for an hour in which it is away, and for longer', async () => {
    const by = create();
    await attest(gitlab.idToken(), 'a', by);
    gitlab.setAway(true);
    for (let minute = 0; minute < 90; minute += 3) {
      clock.advance(180_000);
      await attest(gitlab.idToken(), `key-${minute}`, by);
    }
  });

  it('are known to a control plane that starts while it is away, if they were known before', async () => {
    const kept = createMemoryTable();
    await attest(gitlab.idToken(), 'a', create(undefined, kept));
    await eventually('they are kept', async () => ((await kept.list()).length > 0 ? true : undefined));
    gitlab.setAway(true);
    await attest(gitlab.idToken(), 'b', create(undefined, kept));
    await expect(attest(gitlab.idToken(), 'c', create())).rejects.toMatchObject({ code: 'unavailable' });
    await gitlab.rotate(false);
    const forgotten = attest(gitlab.idToken(), 'd', create(undefined, kept));
    await expect(forgotten).rejects.toMatchObject(refused('no key by the name'));
  });

  it('are not taken from a discovery document of another issuer, or of keys elsewhere', async () => {
    const { discoverKeys } = await import('../../src/identity/jwt/discover-keys.ts');
    const { createServer } = await import('node:http');
    let document: object = {};
    const server = createServer((_, response) => response.end(JSON.stringify(document)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const issuer = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
    const find = () => discoverKeys(issuer, { who: 'the issuer of tokens' });
    for (const [wrong, said] of [
      [{ issuer: `${issuer}/`, jwks_uri: 'https://127.0.0.1/keys' }, 'of another issuer'],
      [{ issuer, jwks_uri: 'https://evil.example/keys' }, 'the keys of another host'],
      [{ issuer, jwks_uri: 'http://127.0.0.1/keys' }, 'no discovery document'],
      [{}, 'no discovery document'],
    ] as const) {
      document = wrong;
      await expect(find()).rejects.toThrow(said);
    }
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('its options', () => {
  const issues = (...instances: object[]) =>
    attestorOptionsSchema.safeParse({ 'gitlab-id-token': { instances } }).error?.issues.map(({ message }) => message);
  const good = { name: 'a', issuer: 'https://gitlab.com', audience: 'cellwall' };

  it('name each GitLab once', () => {
    expect(issues(good, { ...good, name: 'b', issuer: 'https://gitlab.example' })).toBeUndefined();
    expect(issues(good, { ...good, name: 'b' })).toEqual(['two instances have one issuer']);
    expect(issues(good, { ...good, issuer: 'https://gitlab.example' })).toEqual(['two instances have one name']);
    expect(issues({ ...good, issuer: 'http://gitlab.com' })).toHaveLength(1);
  });
});

function readClaim(token: string, name: string): unknown {
  const claims: Record<string, unknown> = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  return claims[name];
}
