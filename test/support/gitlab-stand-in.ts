// A stand-in for a GitLab instance, as far as others believe its tokens: discovery, the keys of jobs' id_tokens and those of users' request
// tokens, each at the place where GitLab has them, and tokens with the claims that GitLab writes. Its keys rotate; it can be away.
import { generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { calculateJwkThumbprint, exportJWK } from 'jose';
import { createTestCa } from './test-ca.ts';

export type Claims = Readonly<Record<string, unknown>>;

export interface JobToken {
  readonly aud?: string | readonly string[];
  /** Of the token, which GitLab makes the timeout of the job. Default: an hour. */
  readonly timeoutSeconds?: number;
  /** Instead of those that GitLab would write; undefined removes one. */
  readonly claims?: Claims;
  readonly header?: Claims;
}

export interface GitlabStandIn {
  /** As in `iss`. */
  readonly issuer: string;
  /** PEM file of the CA of its address. */
  readonly caFile: string;
  /** What a job finds in the variable of its `id_tokens`. Every job is another one. */
  idToken(job?: JobToken): string;
  /** Its claims, before they are signed. */
  claimsOf(job?: JobToken): Claims;
  /** What `POST /api/v4/token_exchange` answers to a user, for another service. */
  userToken(aud: readonly string[], claims?: Claims): string;
  /** Signs any text, as GitLab would with the key of jobs. */
  sign(header: Claims | string, payload: Claims | string): string;
  /** The public half of the key that signs now. */
  publicKey(): KeyObject;
  kid(): string;
  /** Signs with a new key from now on. `keep`: the old one is still published. */
  rotate(keep?: boolean): Promise<void>;
  /** Whether it answers. */
  setAway(away: boolean): void;
  /** How often each path was asked. */
  readonly asked: ReadonlyMap<string, number>;
  close(): Promise<void>;
}

interface Key {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly kid: string;
  readonly jwk: object;
}

/** Those that the pipeline of a merge request has, in project 42 for its fork 9. */
export const forkClaims: Claims = {
  ...{ project_id: '9', project_path: 'stranger/app', namespace_id: '8', namespace_path: 'stranger' },
  ...{ job_project_id: '42', job_project_path: 'group/app', job_namespace_id: '7', job_namespace_path: 'group' },
  ...{ pipeline_source: 'merge_request_event', ref: 'main', ref_protected: 'true' },
};

let jobs = 1000;

/** `now`: epoch milliseconds. `folder`: for its files; default: one of its own, which `close` removes. */
export async function startGitlab({
  now = Date.now,
  port = 0,
  folder = mkdtempSync(join(tmpdir(), 'cellwall-gitlab-')),
}: {
  readonly now?: () => number;
  readonly port?: number;
  readonly folder?: string;
} = {}): Promise<GitlabStandIn> {
  const ca = await createTestCa('of the web');
  const { certificate, key: tlsKey } = await ca.issue({ ip: ['127.0.0.1'], dns: ['localhost'] });
  const caFile = join(folder, 'web-ca.pem');
  writeFileSync(caFile, ca.root);
  let [current, users] = await Promise.all([makeKey(), makeKey()]);
  let published: readonly Key[] = [current];
  let away = false;
  let issuer = '';
  const asked = new Map<string, number>();
  const answers: Readonly<Record<string, () => object>> = {
    '/.well-known/openid-configuration': () => ({
      issuer,
      authorization_endpoint: `${issuer}/oauth/authorize`,
      token_endpoint: `${issuer}/oauth/token`,
      jwks_uri: `${issuer}/oauth/discovery/keys`,
      scopes_supported: ['api', 'read_api', 'openid', 'profile', 'email'],
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
    }),
    '/oauth/discovery/keys': () => ({ keys: published.map(({ jwk }) => jwk) }),
    '/-/cloud_connector/keys': () => ({ keys: [users.jwk] }),
  };
  const server = createServer({ cert: certificate, key: tlsKey }, ({ url = '' }, response) => {
    asked.set(url, (asked.get(url) ?? 0) + 1);
    const answer = Object.hasOwn(answers, url) ? answers[url] : undefined;
    if (away) response.writeHead(502).end('away');
    else if (answer === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer()));
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  // A server that listens on TCP has an AddressInfo.
  issuer = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const signed = (key: Key, header: Claims | string, payload: Claims | string): string => {
    const text = `${encoded(header)}.${encoded(payload)}`;
    return `${text}.${sign('sha256', Buffer.from(text), key.privateKey).toString('base64url')}`;
  };
  const headerOf = (key: Key, more: Claims = {}): Claims => ({ kid: key.kid, typ: 'JWT', alg: 'RS256', ...more });
  const claimsOf = ({ aud = 'cellwall', timeoutSeconds = 3600, claims = {} }: JobToken = {}): Claims => {
    const iat = Math.floor(now() / 1000);
    jobs += 1;
    const own = { project_id: '42', project_path: 'group/app', namespace_id: '7', namespace_path: 'group' };
    const { project_id, project_path, namespace_id, namespace_path, ref, ref_type }: Claims = { ...own, ...claims };
    return {
      ...{ namespace_id: '7', namespace_path: 'group', project_id: '42', project_path: 'group/app' },
      ...{ job_namespace_id: namespace_id, job_namespace_path: namespace_path },
      ...{ job_project_id: project_id, job_project_path: project_path },
      ...{ user_id: '3', user_login: 'robin', user_email: 'robin@gitlab.example', user_access_level: 'maintainer' },
      ...{ pipeline_id: '900', pipeline_source: 'push', job_id: String(jobs), project_visibility: 'private' },
      ...{ ref: 'main', ref_type: 'branch', ref_path: `refs/heads/${String(ref ?? 'main')}`, ref_protected: 'true' },
      ...{ runner_id: 5, runner_environment: 'self-hosted', sha: 'f'.repeat(40) },
      ...{ ci_config_ref_uri: null, ci_config_sha: null, user_identities: [], groups_direct: ['group'] },
      ...{ jti: randomUUID(), iss: issuer, iat, nbf: iat - 5, exp: iat + timeoutSeconds, aud },
      sub: `project_path:${String(project_path)}:ref_type:${String(ref_type ?? 'branch')}:ref:${String(ref ?? 'main')}`,
      ...claims,
    };
  };
  return {
    ...{ caFile, claimsOf, asked },
    get issuer() {
      return issuer;
    },
    idToken: (job = {}) => signed(current, headerOf(current, job.header), claimsOf(job)),
    userToken: (aud, claims = {}) => {
      const iat = Math.floor(now() / 1000);
      const gitlab = {
        origin: issuer,
        origin_id: 'o-1',
        local_id: 42,
        identity_kind: 'user',
        organization_role: 'owner',
      };
      const about = {
        iss: issuer,
        aud: [...aud, 'gitlab-iam-data-access'],
        sub: 'gid://gitlab/User/42',
        ver: 1,
        gitlab,
      };
      return signed(users, headerOf(users), {
        ...about,
        iat,
        nbf: iat - 5,
        exp: iat + 300,
        jti: randomUUID(),
        ...claims,
      });
    },
    sign: (header, payload) => signed(current, header, payload),
    publicKey: () => current.publicKey,
    kid: () => current.kid,
    async rotate(keep = true) {
      const old = current;
      [current, users] = await Promise.all([makeKey(), makeKey()]);
      published = keep ? [old, current] : [current];
    },
    setAway: (is) => {
      away = is;
    },
    async close() {
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      });
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function makeKey(): Promise<Key> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const point = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(point);
  return { privateKey, publicKey, kid, jwk: { ...point, kid, use: 'sig', alg: 'RS256' } };
}

/** A text stays as it is. */
function encoded(part: Claims | string): string {
  return Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');
}
