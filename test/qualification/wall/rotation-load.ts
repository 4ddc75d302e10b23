// The demo's rotations under more load than its minute has room for: so many requests of each protocol.
import { z } from 'zod';
import type { Item } from '../item.ts';
import { runDemo } from '../support/run-demo.ts';

const requests = 20_000;
const rotations = 20;
const names = { http1: 'HTTP/1.1', http2: 'HTTP/2', grpc: 'gRPC', tcp: 'TCP' } as const;
const protocol = z.object({
  sent: z.int(),
  failed: z.int(),
  onNewConnections: z.int(),
  serialsIssued: z.int(),
  serialsSeen: z.int(),
});
const rotationSchema = z.object({
  name: z.literal('rotation'),
  ms: z.number(),
  rotations: z.int(),
  protocols: z.object({ http1: protocol, http2: protocol, grpc: protocol, tcp: protocol }),
});

export const rotationLoad: Item = {
  name: 'rotation-load',
  line: `\`npm run demo -- --requests-each ${requests}\`: every certificate rotates under load, and no request of any protocol is lost`,
  bound:
    `of each of HTTP/1.1, HTTP/2, gRPC, TCP: 0 failed of ≥ ${requests} over ≥ ${rotations} rotations, half on new ` +
    'connections, every certificate seen by the peers',
  async run(context) {
    const story = await runDemo(context, {
      flags: ['--requests-each', String(requests)],
      timeoutMs: 1_500_000,
      onLine: (line) => {
        if (/\d+ rotations, \d+ requests/.test(line)) context.progress(line.trim());
      },
    });
    const step = rotationSchema.parse(story.steps.find(({ name }) => name === 'rotation'));
    const figures: Record<string, number> = { rotations: step.rotations };
    let ok = story.ok && step.rotations >= rotations;
    for (const [key, name] of Object.entries(names)) {
      const { sent, failed, onNewConnections, serialsIssued, serialsSeen } = step.protocols[key as keyof typeof names];
      figures[`${name} requests`] = sent;
      figures[`${name} failed`] = failed;
      figures[`${name} on new connections`] = onNewConnections;
      figures[`${name} certificates seen of ${serialsIssued}`] = serialsSeen;
      // The certificate before the first rotation is seen, too.
      ok &&= sent >= requests && failed === 0 && onNewConnections >= 0.49 * sent;
      ok &&= serialsSeen === serialsIssued && serialsSeen > rotations;
    }
    return { ok, figures: { ...figures, loadS: Math.round(step.ms / 1000) } };
  },
};
