// A job of GitLab CI, by the id_token that GitLab signed for it. Numeric ids and the ref say who it is; paths are proved, too, but may
// belong to another project tomorrow (docs/gitlab-ci.md). `sub` is what its project likes it to be, and is not looked at.
// https://docs.gitlab.com/ci/secrets/id_token_authentication/
import { z } from 'zod';
import { clip } from '../../lib/clip.ts';
import { CellwallError } from '../../lib/errors.ts';
import { createIssuerKeys, type IssuerKeys } from '../jwt/issuer-keys.ts';
import { readStrictToken } from '../jwt/strict-token.ts';
import { skewS, verifyForeign, whyForeign } from '../jwt/verify-foreign.ts';
import { sha256 } from '../x509/fingerprint.ts';
import type { Attestor, AttestorDeps } from './attestor.ts';
import type { AttestorOptions } from './attestor-options.ts';
import { useOnce } from './one-use.ts';

const id = z.string().regex(/^(0|[1-9]\d{0,18})$/);
const text = z.string().min(1).max(2048);
const flag = z.enum(['true', 'false']);
const seconds = z.number().int().min(0).max(8_640_000_000_000);

/** Of a job itself, and of where it runs: in the pipeline of a merge request from a fork these differ. */
const claimsSchema = z.looseObject({
  ...{ iat: seconds, exp: seconds, jti: z.string().min(1).max(1024) },
  ...{ project_id: id, project_path: text, namespace_id: id, namespace_path: text },
  ...{ job_project_id: id, job_project_path: text, job_namespace_id: id, job_namespace_path: text },
  ...{ ref: text, ref_type: z.enum(['branch', 'tag']), ref_protected: flag, pipeline_id: id, job_id: id },
  ...{ ref_path: text.nullish(), pipeline_source: text.nullish(), sha: text.nullish(), user_id: id.nullish() },
  ...{ user_login: text.nullish(), user_access_level: text.nullish(), project_visibility: text.nullish() },
  ...{ environment: text.nullish(), environment_protected: flag.nullish(), environment_action: text.nullish() },
  ...{ deployment_tier: text.nullish(), runner_id: z.int().min(0).nullish(), runner_environment: text.nullish() },
  ...{ ci_config_ref_uri: text.nullish(), ci_config_sha: text.nullish() },
});
type Claims = z.output<typeof claimsSchema>;

const proved = [
  ...(['project_id', 'project_path', 'namespace_id', 'namespace_path', 'project_visibility'] as const),
  ...(['ref', 'ref_type', 'ref_path', 'ref_protected', 'sha', 'ci_config_ref_uri', 'ci_config_sha'] as const),
  ...(['environment', 'environment_protected', 'environment_action', 'deployment_tier'] as const),
  ...(['pipeline_id', 'pipeline_source', 'job_id', 'user_id', 'user_login', 'user_access_level'] as const),
  ...(['runner_id', 'runner_environment'] as const),
];
const where = ['project_id', 'project_path', 'namespace_id', 'namespace_path'] as const;

type Instance = NonNullable<AttestorOptions['gitlab-id-token']>['instances'][number];

/** The evidence is `token`, which belongs to the first node key that presents it. Its refusals say why, with claims that are verified. */
export function createGitlabIdTokenAttestor(deps: AttestorDeps): Attestor | undefined {
  const { options, clock, tokens } = deps;
  const own = options['gitlab-id-token'];
  if (own === undefined) return undefined;
  const instances = own.instances.map((of) => ({ of, keys: createIssuerKeys(of.keys ?? of, deps) }));
  // The first job need not wait for them.
  for (const { keys } of instances) keys.current().catch(() => {});
  return {
    exchanges: true,
    async attest({ token }, { nodeKey, onKept }) {
      const { claims: said } = readStrictToken(token);
      const instance = instances.find(({ of }) => of.issuer === said['iss']);
      if (instance === undefined) {
        const named = JSON.stringify(clip(String(said['iss']), 100));
        throw refused(`the token is of an issuer that is not known here, it says ${named}`);
      }
      const claims = await verified(token, instance, clock.now());
      if (Array.isArray(said['aud'])) throw refused('the token is for others as well: its aud is a list');
      const { exp, iat, jti } = claims;
      if (iat > clock.now() / 1000 + skewS) throw refused('the token was issued in the future');
      const foreign = where.find((name) => claims[name] !== claims[`job_${name}`]);
      if (foreign !== undefined) {
        const { project_id, job_project_id, job_id } = claims;
        const which = `job ${job_id} runs in project ${job_project_id} for project ${project_id}`;
        throw refused(`${foreign} is not job_${foreign}: a merge request from a fork (${which})`);
      }
      const name = `gitlab:${sha256(JSON.stringify([instance.of.issuer, jti])).toString('hex')}`;
      await useOnce(tokens, { name, nodeKey, ttlMs: exp * 1000 - clock.now() + 2 * skewS * 1000, onKept });
      return { attestor: 'gitlab-id-token', values: valuesOf(claims, instance.of.name), notAfter: exp * 1000 };
    },
  };
}

async function verified(
  token: unknown,
  { of, keys }: { readonly of: Instance; readonly keys: IssuerKeys },
  now: number,
): Promise<Claims> {
  const { issuer, audience } = of;
  try {
    const claims = claimsSchema.safeParse(
      await verifyForeign({ token, issuer, audience, keys, now, algorithms: ['RS256'] }),
    );
    if (claims.success) return claims.data;
    const names = new Set(claims.error.issues.map(({ path }) => String(path[0])));
    throw refused(`these claims are missing, or are not what GitLab writes: ${[...names].join(', ')}`);
  } catch (reason) {
    const failed = CellwallError.from(reason);
    throw failed.code === 'unauthenticated' ? refused(whyForeign(failed)) : failed;
  }
}

function valuesOf(claims: Claims, instance: string): Readonly<Record<string, string>> {
  const values = proved.flatMap((name) => {
    const value = claims[name];
    return value === undefined || value === null ? [] : [[name, String(value)] as const];
  });
  return { instance, ...Object.fromEntries(values) };
}

function refused(message: string): CellwallError {
  return new CellwallError('unauthenticated', message, { hint: 'see docs/gitlab-ci.md' });
}
