// The README's first command on a fresh clone in an empty HOME, cold and then warm, and the figures that the demo's story gives.
import { join } from 'node:path';
import { z } from 'zod';
import type { Item } from '../item.ts';
import { cleanEnvironment } from '../support/clean-environment.ts';
import { output, run, tail } from '../support/command.ts';

const coldSeconds = 300;
const warmSeconds = 60;
const requests = 20_000;
const rotations = 20;
const probes = 20;
const urgentMs = 50;

const storySchema = z.object({
  ok: z.boolean(),
  steps: z.array(z.looseObject({ name: z.string(), ok: z.boolean(), ms: z.number() })),
});

export const freshClone: Item = {
  name: 'fresh-clone',
  line: '`npm run demo` on a fresh clone in an empty HOME, cold and again warm; rotations under load lose no request; an urgent deny refuses on an open connection',
  bound: `exit 0; cold ≤ ${coldSeconds} s, warm ≤ ${warmSeconds} s; 0 failed of ≥ ${requests} requests over ≥ ${rotations} rotations for each protocol; median of ≥ ${probes} urgent denies < ${urgentMs} ms`,
  async run({ root, work, progress }) {
    const clone = join(work, 'clone');
    await output('git', ['clone', '--quiet', root, clone], { cwd: work });
    const env = cleanEnvironment({ home: join(work, 'home') });
    const seconds: number[] = [];
    const figures: Record<string, number | string | boolean> = {};
    let holds = true;
    for (const which of ['cold', 'warm']) {
      const ended = await run('npm', ['run', 'demo', '--', '--json'], {
        cwd: clone,
        env,
        timeoutMs: 2 * coldSeconds * 1000,
      });
      seconds.push(Math.round(ended.ms / 100) / 10);
      progress(`${which}: exit ${ended.code} after ${seconds.at(-1)} s`);
      figures[`${which}S`] = seconds.at(-1) ?? 0;
      if (ended.code !== 0) return { ok: false, figures: { ...figures, error: tail(ended.stderr || ended.stdout) } };
      const story = storySchema.parse(JSON.parse(ended.stdout.trimEnd().split('\n').at(-1) ?? ''));
      const measured = { ...rotationFigures(story.steps[5]), ...urgentFigures(story.steps[4]) };
      for (const [figure, value] of Object.entries(measured.figures)) figures[`${which}.${figure}`] = value;
      holds &&= story.ok && story.steps.length === 8 && measured.ok;
    }
    const [cold = Infinity, warm = Infinity] = seconds;
    return { ok: holds && cold <= coldSeconds && warm <= warmSeconds, figures };
  },
};
