// A whole control plane in a process of its own, with join tokens for all who are to come. It answers its parent what it used so far, and
// for how long its event loop stood still.
import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { startServe } from '../../test/support/serve-harness.ts';
import { documentsOf, idOf } from './documents.ts';

export interface Ready {
  readonly kind: 'ready';
  readonly xdsPort: number;
  readonly identityPort: number;
  /** PEM. */
  readonly roots: string;
  readonly joins: readonly Join[];
}

export interface Join {
  readonly spiffeId: string;
  readonly service: string;
  readonly token: string;
}

export interface Usage {
  readonly kind: 'usage';
  /** All threads, since the last answer. */
  readonly cpuMs: number;
  /** The longest turn of the event loop since the last answer, and 99 of 100. */
  readonly loopMaxMs: number;
  readonly loopP99Ms: number;
  readonly rssMiB: number;
}

export type Question = 'usage' | 'stop' | { readonly kind: 'apply'; readonly text: string };

const [joins = 1000, services = 100] = process.argv.slice(2).map(Number);
const names = Array.from({ length: services }, (_, at) => `service-${at}`);
const plane = await startServe(documentsOf(names), { xdsTransport: 'http2' });
const delay = monitorEventLoopDelay({ resolution: 1 });
let before = process.cpuUsage();
delay.enable();

process.on('message', (question: Question) => {
  if (question === 'usage') {
    const { user, system } = process.cpuUsage(before);
    const [max, p99] = [delay.max, delay.percentile(99)].map((ns) => Math.max(0, ns / 1e6 - 1));
    const rssMiB = process.memoryUsage.rss() / 2 ** 20;
    say({ kind: 'usage', cpuMs: (user + system) / 1000, loopMaxMs: max ?? 0, loopP99Ms: p99 ?? 0, rssMiB });
    before = process.cpuUsage();
    delay.reset();
  } else if (question === 'stop') void plane.stop().then(() => process.exit(0));
  else void plane.apply(question.text);
});
process.once('disconnect', () => process.exit(0));

const wanted = Array.from({ length: joins }, (_, at) => names[at % services] ?? '');
const made: Join[] = [];
// As many operators at once as the audit log takes under one fsync.
await Promise.all(
  Array.from({ length: 32 }, async () => {
    for (let service = wanted.shift(); service !== undefined; service = wanted.shift()) {
      const spiffeId = idOf(service);
      made.push({ spiffeId, service, token: (await plane.admin.createToken({ spiffeId })).token });
    }
  }),
);
const { bundle } = await plane.enrol(idOf(names[0] ?? ''));
const roots = readFileSync(bundle, 'utf8');
say({ kind: 'ready', xdsPort: plane.xdsPort, identityPort: plane.identityPort, roots, joins: made });

function say(message: Ready | Usage): void {
  process.send?.(message);
}
