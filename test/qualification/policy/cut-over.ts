// The cut-over of the demo: refused with the caller's name, granted, undone.

import type { Item } from '../item.ts';
import { run } from '../support/command.ts';

const backMs = 1000;

interface Step {
  readonly name: string;
  readonly ok: boolean;
  readonly refusedFor?: string;
  readonly backMs?: number;
}

export const cutOver: Item = {
  name: 'cut-over',
  line:
    '`npm run demo`: a service becomes strict only when nobody calls it in plaintext any more; refused before ' +
    'that, naming the caller, granted after, rolled back',
  bound: `every step holds; the caller is named; rolled back in < ${backMs} ms`,
  async run({ root, progress }) {
    const { code, stdout, stderr } = await run('npm', ['run', '--silent', 'demo', '--', '--quick', '--json'], {
      cwd: root,
      timeoutMs: 180_000,
    });
    const story: { readonly ok: boolean; readonly steps: readonly Step[] } = JSON.parse(
      stdout.trimEnd().split('\n').at(-1) ?? '',
    );
    const step = story.steps.find(({ name }) => name === 'cut-over');
    if (step === undefined) progress(stderr.slice(-2000));
    return {
      ok:
        code === 0 &&
        story.ok &&
        step?.ok === true &&
        step.refusedFor !== undefined &&
        (step.backMs ?? backMs) < backMs,
      figures: {
        refusedFor: step?.refusedFor ?? 'nobody',
        rolledBackMs: step?.backMs ?? -1,
        steps: story.steps.length,
      },
    };
  },
};
