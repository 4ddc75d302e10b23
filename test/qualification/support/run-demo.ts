// `npm run demo -- --json`, and what it measured.
import { z } from 'zod';
import type { Context } from '../item.ts';
import { run, tail } from './command.ts';

const stepSchema = z.looseObject({ name: z.string(), ok: z.boolean(), ms: z.number(), error: z.string().optional() });
const storySchema = z.object({
  ok: z.boolean(),
  steps: z.array(stepSchema),
  /** What all Envoys say at the end; only if every step held. */
  envoys: z
    .object({
      envoys: z.int(),
      streams: z.int(),
      disconnected: z.int(),
      updateRejected: z.int(),
      warming: z.int(),
    })
    .optional(),
});

export type DemoStory = z.infer<typeof storySchema>;

export interface DemoOptions {
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  /** Is told what the demo tells, a line at a time. */
  readonly onLine?: (line: string) => void;
}

/** Throws, with the end of what it said, if it did not exit with 0. */
export async function runDemo({ root }: Pick<Context, 'root'>, options: DemoOptions): Promise<DemoStory> {
  const { flags = [], env = {}, timeoutMs = 240_000, onLine } = options;
  const ended = await run('npm', ['run', '--silent', 'demo', '--', '--json', ...flags], {
    cwd: root,
    env: { ...process.env, ...env },
    timeoutMs,
    ...(onLine === undefined ? {} : { onLine }),
  });
  if (ended.code !== 0) throw new Error(`the demo ended with ${ended.code}: ${tail(ended.stderr || ended.stdout, 40)}`);
  return storySchema.parse(JSON.parse(ended.stdout.trimEnd().split('\n').at(-1) ?? ''));
}
