// `npm run demo -- --json`, and what it measured.
import { z } from 'zod';
import type { Context } from '../item.ts';
import { run, tail } from './command.ts';

const stepSchema = z.looseObject({ name: z.string(), ok: z.boolean(), ms: z.number(), error: z.string().optional() });
const storySchema = z.object({
  ok: z.boolean(),
  steps: z.array(stepSchema),
  error: z.string().optional(),
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

/** Throws, with the step that did not hold, if it did not exit with 0. */
export async function runDemo({ root }: Pick<Context, 'root'>, options: DemoOptions): Promise<DemoStory> {
  const { flags = [], env = {}, timeoutMs = 240_000, onLine } = options;
  const ended = await run('npm', ['run', '--silent', 'demo', '--', '--json', ...flags], {
    cwd: root,
    env: { ...process.env, ...env },
    timeoutMs,
    ...(onLine === undefined ? {} : { onLine }),
  });
  const last = ended.stdout.trimEnd().split('\n').at(-1) ?? '';
  const story = last.startsWith('{') ? storySchema.parse(JSON.parse(last)) : undefined;
  if (ended.code === 0 && story !== undefined) return story;
  const failed = story?.steps.find(({ ok }) => !ok);
  const why = failed === undefined ? (story?.error ?? tail(ended.stderr)) : `${failed.name}: ${failed.error ?? ''}`;
  throw new Error(`the demo ended with ${ended.code}: ${why}`);
}
