// What earns a CI job its identity must stay that job's: names of projects and groups can be given up and taken by others, a tag can be
// called as a branch is, and every GitLab has a project 42. On gitlab.com anybody has jobs.
import type { Workload } from '../../model/documents/workload.ts';
import type { IdentityTemplate } from '../../model/identity-template.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import type { Problems } from './problems.ts';

interface Fault {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/** What can be given up, and whose it is. */
const names = [
  ['project', 'project_path'],
  ['namespace', 'namespace_path'],
  ['user', 'user_login'],
] as const;

/** Reports selectors of jobs (of any attestor of jobs) that others can come to match, or whose template gives others the same ID. */
export function checkJobSelectors(
  parsed: ParsedDocument<Workload>,
  template: IdentityTemplate | undefined,
  problems: Problems,
): void {
  const taken = (template?.segments ?? []).flatMap((segment) => ('key' in segment ? [segment.key] : []));
  for (const [index, { attestor, match }] of parsed.document.spec.selectors.entries()) {
    if (attestor !== 'gitlab-id-token' && attestor !== 'gitlab-runner') continue;
    const fault = faultOf(new Set(Object.keys(match)), new Set(taken));
    if (fault !== undefined) problems.error(parsed, ['spec', 'selectors', index], fault);
  }
}

/** `matched`, `taken`: keys that the selector fixes, and those that the template takes. */
function faultOf(matched: ReadonlySet<string>, taken: ReadonlySet<string>): Fault | undefined {
  const uses = (key: string): boolean => matched.has(key) || taken.has(key);
  if (!uses('instance')) {
    return {
      code: 'any-instance',
      message: 'jobs of every GitLab that the control plane believes match, and ids are those of one GitLab',
      hint: 'add `instance` to `match`: the name of that GitLab in the file of --attestors',
    };
  }
  if (!matched.has('namespace_id') && !uses('project_id')) {
    return {
      code: 'reusable-name',
      message: 'nothing here stays with one project or group: their names can be taken by others',
      hint: 'add `project_id` or `namespace_id` to `match`, or {project_id} to the template',
    };
  }
  const hasId = (of: string): boolean => uses(`${of}_id`) || (of === 'namespace' && uses('project_id'));
  if (names.some(([of, name]) => uses(name) && !hasId(of))) {
    return {
      code: 'reusable-name',
      message: 'a name decides without the id beside it: it can be taken by another project, group or user',
      hint: 'use `project_id` beside `project_path`, `namespace_id` beside `namespace_path`, `user_id` beside `user_login`',
    };
  }
  if (uses('ref') && !uses('ref_type') && !uses('ref_path')) {
    return {
      code: 'branch-or-tag',
      message: 'a branch and a tag of the same name are not told apart',
      hint: 'add `ref_type: branch` (or `tag`) to `match`, or {ref_type} to the template',
    };
  }
  const isHeld = ['environment_protected', 'ref_protected', 'ref', 'ref_path'].some(uses);
  if (uses('environment') && !isHeld) {
    return {
      code: 'open-environment',
      message: 'a job of any branch may name that environment',
      hint: 'add `environment_protected: "true"` to `match`, or `ref_protected: "true"`, or a ref',
    };
  }
  return undefined;
}
