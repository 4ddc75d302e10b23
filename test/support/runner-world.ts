// A control plane that knows two runners and whom each may vouch for, and the GitLab that it believes: what tests of runners begin with.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redacted } from '../../src/lib/redacted.ts';
import type { RunnersJob } from '../../src/sidecar/runner/job-response.ts';
import type { Claims, GitlabStandIn } from './gitlab-stand-in.ts';
import { meshText, serviceText, workloadText, yaml } from './resolve-text.ts';

export const runnerId = (runner: number): string => `spiffe://td1/runner/${runner}`;

const match = (runner: number, isProtected: boolean): string =>
  `{runner: "${runnerId(runner)}", runner_id: "${runner}", instance: gitlab.example, namespace_id: "7", ref_protected: "${isProtected}"}`;

/** Runner 5 may vouch for jobs of protected refs of group 7, runner 6 for the others. */
export const runnerDocuments = (lifetime = '10m'): string =>
  yaml(
    meshText(),
    serviceText('api'),
    workloadText('runner-5', `{identity: {spiffeId: "${runnerId(5)}"}}`),
    workloadText('runner-6', `{identity: {spiffeId: "${runnerId(6)}"}}`),
    workloadText(
      'jobs',
      `{identity: {template: "spiffe://td1/ci/{project_id}/{ref_type}/{ref}"}, lifetime: ${lifetime}, selectors: [` +
        `{attestor: gitlab-runner, match: ${match(5, true)}}, {attestor: gitlab-runner, match: ${match(6, false)}}]}`,
    ),
  );

/** The file of `serve --attestors`. */
export function writeAttestors(folder: string, { issuer, caFile }: GitlabStandIn): string {
  const file = join(folder, 'attestors.yaml');
  const instance = `{name: gitlab.example, issuer: "${issuer}", audience: cellwall, caFile: "${caFile}"}`;
  writeFileSync(file, `gitlab-id-token: {instances: [${instance}]}\n`);
  return file;
}

let made = 7000;

/** Each is another one: of project 42, on its branch main, given to runner 5. */
export function runnersJob(
  gitlab: GitlabStandIn,
  claims: Claims = {},
): RunnersJob & { readonly token: Redacted<string> } {
  const job = String(++made);
  const token = gitlab.idToken({ claims: { job_id: job, ...claims } });
  return { job, project: String(claims['project_id'] ?? 42), token: new Redacted(token) };
}
