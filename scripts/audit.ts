// Asks the registry whether a locked package has a known vulnerability. A high or critical one fails; where the registry cannot be asked
// (offline, or a mirror without that endpoint), it says that nothing was checked, and does not fail.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

export type Verdict =
  | { readonly kind: 'clean'; readonly text: string }
  | { readonly kind: 'vulnerable'; readonly text: string }
  | { readonly kind: 'not-asked'; readonly text: string };

const finding = z.object({ name: z.string(), severity: z.string(), range: z.string().optional() });
const report = z.object({
  vulnerabilities: z.record(z.string(), finding),
  metadata: z.object({ vulnerabilities: z.object({ high: z.number(), critical: z.number(), total: z.number() }) }),
});
const failure = z.object({ message: z.string() });

/** `output`: what `npm audit --json` printed. */
export function judge(output: string): Verdict {
  let value: unknown;
  try {
    value = JSON.parse(output);
  } catch {
    return { kind: 'not-asked', text: 'NOT AUDITED: npm gave no answer' };
  }
  const found = report.safeParse(value);
  if (!found.success) {
    const why = failure.safeParse(value);
    // Which registry it was is nobody's business in a log.
    const words = why.success
      ? why.data.message.replaceAll(/https?:\/\/\S+/g, 'the registry')
      : 'an answer of another form';
    return { kind: 'not-asked', text: `NOT AUDITED: ${words}` };
  }
  const { high, critical, total } = found.data.metadata.vulnerabilities;
  if (high + critical === 0)
    return { kind: 'clean', text: `audited: ${total} known vulnerabilities, none high or critical` };
  const names = Object.values(found.data.vulnerabilities)
    .filter(({ severity }) => severity === 'high' || severity === 'critical')
    .map(({ name, severity, range = '' }) => `  ${severity}: ${name} ${range}`);
  return { kind: 'vulnerable', text: ['known vulnerabilities (npm audit tells more):', ...names].join('\n') };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = join(import.meta.dirname, '..');
  const { stdout } = spawnSync('npm', ['audit', '--json'], { cwd: root, encoding: 'utf8', timeout: 120_000 });
  const { kind, text } = judge(stdout ?? '');
  process.stdout.write(`${text}\n`);
  if (kind === 'vulnerable') process.exitCode = 1;
}
