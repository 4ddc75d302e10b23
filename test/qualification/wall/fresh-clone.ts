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

const stepSchema = z.looseObject({ name: z.string(), ok: z.boolean(), ms: z.number() });
const storySchema = z.object({ ok: z.boolean(), steps: z.array(stepSchema) });
const failedSchema = z.looseObject({
  error: z.string().optional(),
  steps: z.array(z.looseObject({ ok: z.boolean() })),
});
const urgentSchema = z.object({ name: z.literal('urgent-deny'), rounds: z.int(), medianMs: z.number() });
const rotationSchema = z.object({
  name: z.literal('rotation'),
  rotations: z.int(),
  protocols: z.record(
    z.enum(['http1', 'http2', 'grpc', 'tcp']),
    z.object({ sent: z.int(), failed: z.int(), onNewConnections: z.int(), serialsSeen: z.int() }),
  ),
});

export const freshClone: Item = {
  name: 'fresh-clone',
  line:
    '`npm run demo` on a fresh clone in an empty HOME, cold and again warm; rotations under load lose no request; ' +
    'an urgent deny takes effect on an open connection',
  bound:
    `exit 0; cold ≤ ${coldSeconds} s, warm ≤ ${warmSeconds} s; 0 failed of ≥ ${requests} requests over ≥ ` +
    `${rotations} rotations for each protocol; median of ≥ ${probes} urgent denies < ${urgentMs} ms`,
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
      if (ended.code !== 0) return { ok: false, figures: { ...figures, error: whyOf(ended) } };
      const story = storySchema.parse(JSON.parse(ended.stdout.trimEnd().split('\n').at(-1) ?? ''));
      const urgent = urgentSchema.parse(story.steps[4]);
      const { protocols, ...rotation } = rotationSchema.parse(story.steps[5]);
      const each = Object.values(protocols);
      const sent = each.reduce((sum, protocol) => sum + protocol.sent, 0);
      const failed = each.reduce((sum, protocol) => sum + protocol.failed, 0);
      // The certificate before the first rotation is seen, too.
      const seen = Math.min(...each.map(({ serialsSeen }) => serialsSeen)) - 1;
      const onNew = each.reduce((sum, protocol) => sum + protocol.onNewConnections, 0) / sent;
      figures[`${which} requests`] = sent;
      figures[`${which} failed`] = failed;
      figures[`${which} share on new connections`] = Math.round(onNew * 100) / 100;
      figures[`${which} rotations seen by every protocol's peers`] = seen;
      figures[`${which} urgent deny medianMs of ${urgent.rounds}`] = urgent.medianMs;
      holds &&= story.ok && story.steps.length === 11 && story.steps.every((step) => step.ok);
      holds &&=
        failed === 0 && sent >= requests && rotation.rotations >= rotations && seen >= rotations && onNew >= 0.45;
      holds &&= urgent.rounds >= probes && urgent.medianMs < urgentMs;
    }
    const [cold = Infinity, warm = Infinity] = seconds;
    return { ok: holds && cold <= coldSeconds && warm <= warmSeconds, figures };
  },
};

/** What the demo itself says; or if it does not get as far as that, the last that was written. */
function whyOf({ stdout, stderr }: { readonly stdout: string; readonly stderr: string }): string {
  const last = stdout.trimEnd().split('\n').at(-1) ?? '';
  const said = last.startsWith('{') ? failedSchema.safeParse(JSON.parse(last)) : undefined;
  if (said?.success !== true) return tail(stderr || stdout);
  const { error, steps } = said.data;
  return JSON.stringify({ error, steps: steps.filter(({ ok }) => !ok) });
}
