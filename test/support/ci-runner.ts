// A stand-in for GitLab's runner: executes the jobs of a pipeline's YAML one stage after the other, each job's `script` in one shell that
// ends at the first failure, as the shell executor does. Only the keywords that our example uses are known; others are refused.
import { spawn } from 'node:child_process';
import { parse } from 'yaml';
import { z } from 'zod';

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
