// The demo's whole story, with sidecars of each variant but its own: what they say of their configuration after the restart of the
// control plane and at the end.
import { z } from 'zod';
import type { Item } from '../item.ts';
import { runDemo } from '../support/run-demo.ts';

const variants = ['sotw', 'single-delta', 'single-sotw'] as const;
const restartSchema = z.object({ failed: z.int(), repushed: z.int(), endpointsLost: z.int(), streams: z.int() });

export const demoVariants: Item = {
  name: 'demo-variants',
  line:
    '`CELLWALL_XDS_VARIANT=… npm run demo`: the whole demo with sidecars in state-of-the-world, and with ' +
    'single-type services in both variants, together with an edge that pulls only secrets',
  bound:
    'for each: every step holds; nothing unchanged re-sent after the restart; at the end update_rejected 0, ' +
    'connected_state 1 on every stream, 0 warming; with single-type services more streams than Envoys',
  async run(context) {
    const figures: Record<string, number> = {};
    let ok = true;
    for (const variant of variants) {
      const story = await runDemo(context, { env: { CELLWALL_XDS_VARIANT: variant } });
      const restart = restartSchema.parse(story.steps.find(({ name }) => name === 'control-plane-killed'));
      const held = story.steps.filter((step) => step.ok).length;
      const { envoys = 0, streams = 0, disconnected = -1, updateRejected = -1, warming = -1 } = story.envoys ?? {};
      const shown = { steps: held, envoys, streams, disconnected, updateRejected, warming };
      for (const [name, value] of Object.entries(shown)) figures[`${variant} ${name}`] = value;
      figures[`${variant} resentAfterRestart`] = restart.repushed;
      figures[`${variant} failedOverRestart`] = restart.failed;
      const zeros = [disconnected, updateRejected, warming, restart.repushed, restart.failed, restart.endpointsLost];
      ok &&= story.ok && held === 11 && envoys === 9 && zeros.every((figure) => figure === 0);
      // Else it would not be what it is called. An ADS sidecar has one stream, the edge one for each secret.
      ok &&= variant === 'sotw' || (streams > 5 * envoys && restart.streams > 5 * envoys);
      context.progress(`${variant}: ${held} steps held, ${streams} streams of ${envoys} Envoys`);
    }
    return { ok, figures };
  },
};
