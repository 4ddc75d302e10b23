// What GitLab Runner was told of a job by GitLab, in the file that it names to the driver of a custom executor (JOB_RESPONSE_FILE). Its own
// fields are GitLab's word; `variables` are what a project likes them to be (the driver's CUSTOM_ENV_… as well), and decide nothing here.
// https://docs.gitlab.com/runner/executors/custom/#job-response
import { CellwallError } from '../../lib/errors.ts';
import { Redacted } from '../../lib/redacted.ts';

export interface RunnersJob {
  /** Digits. */
  readonly job: string;
  readonly project: string;
  /** The job's id_token. Absent: it asks for none. */
  readonly token?: Redacted<string>;
}

export const idPattern = /^[1-9]\d{0,18}$/;
/** Digits. */
export const longestId = 19;

/**
 * `variable`: the name under which the job has its id_token. Absent: that is not looked at. Throws `invalid_argument` for a text that is no
 * job, and `permission_denied` for a token that is another job's: a project can put what it likes into its variables.
 */
export function readJobResponse(text: string, variable?: string): RunnersJob {
  const { id, job_info, variables }: Fields<'id' | 'job_info' | 'variables'> = parsed(text);
  const { project_id }: Fields<'project_id'> = Object(job_info);
  const [job, project] = [String(id), String(project_id)];
  if (!idPattern.test(job) || !idPattern.test(project)) throw notAJob('it names no job, or no project');
  const tokens = variable === undefined ? [] : tokensOf(variables, variable);
  const own = tokens.find((token) => isOf(token, job, project));
  if (own !== undefined) return { job, project, token: new Redacted(own) };
  if (tokens.length === 0) return { job, project };
  throw new CellwallError('permission_denied', `what job ${job} has in ${variable} is not its own token`, {
    hint: `give the job one: id_tokens: {${variable}: {aud: …}}, and no other variable of that name`,
  });
}

/** When a token ends, as it says; epoch milliseconds. */
export function endOf(token: Redacted<string>): number {
  const { exp }: Fields<'exp'> = claimsOf(token.reveal());
  return typeof exp === 'number' ? exp * 1000 : 0;
}

type Fields<Name extends string> = Readonly<Partial<Record<Name, unknown>>>;

function parsed(text: string): object {
  try {
    return Object(JSON.parse(text));
  } catch {
    throw notAJob('it is no JSON');
  }
}

function tokensOf(variables: unknown, variable: string): readonly string[] {
  if (!Array.isArray(variables)) return [];
  return variables.flatMap((one: unknown) => {
    const { key, value }: Fields<'key' | 'value'> = Object(one);
    return key === variable && typeof value === 'string' && value !== '' ? [value] : [];
  });
}

/** As it says: whether GitLab says so is for the control plane to verify. */
function isOf(token: string, job: string, project: string): boolean {
  const { job_id, project_id, job_project_id }: Fields<'job_id' | 'project_id' | 'job_project_id'> = claimsOf(token);
  // In the pipeline of a merge request from a fork these differ: the control plane refuses it, and says so to operators.
  return String(job_id) === job && [project_id, job_project_id].map(String).includes(project);
}

function claimsOf(token: string): object {
  try {
    return Object(JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')));
  } catch {
    return {};
  }
}

function notAJob(why: string): CellwallError {
  return new CellwallError('invalid_argument', `this is not what GitLab says of a job: ${why}`, {
    hint: 'in the driver of a custom executor: the file that JOB_RESPONSE_FILE names',
  });
}
