// A stand-in for GitLab's runner: executes the jobs of a pipeline's YAML one stage after the other, each job's `script` in one shell that
// ends at the first failure, as the shell executor does. Only the keywords that our examples use are known; others are refused.
import { spawn } from 'node:child_process';
import { parse } from 'yaml';
import { z } from 'zod';

const hiddenSchema = z.strictObject({
  id_tokens: z.record(z.string(), z.strictObject({ aud: z.string() })),
  before_script: z.array(z.string()),
  after_script: z.array(z.string()),
});
const componentSchema = z.strictObject({
  inputs: z.record(z.string(), z.strictObject({ description: z.string(), default: z.string().optional() })),
});
const jobSchema = z.strictObject({
  stage: z.string(),
  script: z.array(z.string()),
  rules: z.array(z.strictObject({ if: z.string() })).optional(),
  allow_failure: z.strictObject({ exit_codes: z.array(z.int()) }).optional(),
  artifacts: z.strictObject({ when: z.literal('always'), paths: z.array(z.string()) }).optional(),
  resource_group: z.string().optional(),
});
const pipelineSchema = z.object({ stages: z.array(z.string()), default: z.unknown() }).catchall(jobSchema);

export interface JobResult {
  readonly name: string;
  readonly code: number;
  /** `warning`: it failed, and is allowed to. */
  readonly status: 'success' | 'warning' | 'failed';
  readonly output: string;
}

/** Answers the jobs that ran: those of stages after a failed one did not. `folder`: the checkout, where artifacts stay, too. */
export async function runPipeline(
  text: string,
  { folder, env }: { readonly folder: string; readonly env: Readonly<Record<string, string>> },
): Promise<readonly JobResult[]> {
  const { stages, default: _, ...jobs } = pipelineSchema.parse(parse(text));
  const results: JobResult[] = [];
  for (const stage of stages) {
    for (const [name, job] of Object.entries(jobs)) {
      if (job.stage !== stage || !(job.rules?.some((rule) => holds(rule.if, env)) ?? true)) continue;
      const { code, output } = await shell(job.script, folder, env);
      const allowed = job.allow_failure?.exit_codes.includes(code) === true;
      results.push({ name, code, output, status: code === 0 ? 'success' : allowed ? 'warning' : 'failed' });
    }
    if (results.some(({ status }) => status === 'failed')) break;
  }
  return results;
}

export interface ComponentJob {
  /** The text of the component. */
  readonly component: string;
  readonly inputs: Readonly<Record<string, string>>;
  /** The hidden job that it extends. */
  readonly extends: string;
  readonly script: readonly string[];
  /** The checkout. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** Signs the job's token. */
  readonly idToken: (aud: string) => string;
}

/** Runs one job that extends a component's: `before_script` and `script` in one shell, `after_script` in another, whatever happened. */
export async function runComponentJob(job: ComponentJob): Promise<Omit<JobResult, 'name' | 'status'>> {
  const [head = '', body = ''] = job.component.split(/^---$/m);
  const { inputs } = componentSchema.parse(parse(head)?.spec);
  const unknown = Object.keys(job.inputs).filter((name) => !Object.hasOwn(inputs, name));
  if (unknown.length > 0) throw new Error(`the component has no input ${unknown.join(', ')}`);
  const filled = body.replace(/\$\[\[ inputs\.(\w+) \]\]/g, (_all, name: string) => {
    const value = job.inputs[name] ?? inputs[name]?.default;
    if (value === undefined) throw new Error(`the input ${name} is missing`);
    return value;
  });
  const hidden = hiddenSchema.parse(parse(filled)?.[job.extends]);
  const tokens = Object.entries(hidden.id_tokens).map(([name, { aud }]) => [name, job.idToken(aud)]);
  const env = { ...job.env, CI_PROJECT_DIR: job.folder, ...Object.fromEntries(tokens) };
  const result = await shell([...hidden.before_script, ...job.script], job.folder, env);
  await shell(hidden.after_script, job.folder, env);
  return result;
}

/** `$A == $B` is all that is understood. */
function holds(rule: string, env: Readonly<Record<string, string>>): boolean {
  const [, left = '', right = ''] = /^\$(\w+) == \$(\w+)$/.exec(rule) ?? [];
  if (left === '') throw new Error(`this stand-in does not know the rule ${rule}`);
  return env[left] !== undefined && env[left] === env[right];
}

function shell(
  script: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<{ readonly code: number; readonly output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['-c', ['set -eo pipefail', ...script].join('\n')], {
      cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const hear = (bytes: Buffer): void => {
      output += bytes.toString('utf8');
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? -1, output }));
  });
}
