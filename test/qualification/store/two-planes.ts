// The demo on two control planes and one Valkey.
import { z } from 'zod';
import type { Item } from '../item.ts';
import { runDemo } from '../support/run-demo.ts';

const killed = z.object({
  sent: z.int(),
  failed: z.int(),
  moved: z.int(),
  movedMs: z.number(),
  longestGapMs: z.number(),
  endpointsLost: z.int(),
  repushed: z.int(),
});
const boundMs = 5000;

export const twoPlanes: Item = {
  name: 'two-planes',
  line:
    '`npm run demo -- --store redis`: the whole story on two control planes and one Valkey; the one with the most streams is killed ' +
    'with -9 under HTTP/1.1, HTTP/2, gRPC and TCP load, and started again',
  bound:
    'every step holds; 0 failed calls, 0 endpoints lost, 0 updates but of own secrets, every stream at the other one within ' +
    `${boundMs / 1000} s`,
  async run(context) {
    const story = await runDemo(context, {
      flags: ['--store', 'redis'],
      onLine: (line) => {
        if (/^\d+ /.test(line)) context.progress(line.trim());
      },
    });
    const step = killed.parse(story.steps.find(({ name }) => name === 'one-of-two-killed'));
    const rotation = story.steps.find(({ name }) => name === 'rotation');
    const { envoys = 0, disconnected = -1, updateRejected = -1 } = story.envoys ?? {};
    const zeros = [step.failed, step.endpointsLost, step.repushed, disconnected, updateRejected];
    const ok = story.ok && step.moved > 0 && step.movedMs < boundMs && zeros.every((figure) => figure === 0);
    const figures = {
      steps: story.steps.filter((one) => one.ok).length,
      envoys,
      rotationRequests: Number(rotation?.['sent']),
    };
    return { ok, figures: { ...figures, ...step, updateRejected } };
  },
};
