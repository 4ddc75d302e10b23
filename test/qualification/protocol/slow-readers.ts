// Clients that stop reading cost those that read nothing, and the server no memory. Two servers take turns, one with and one
// without such clients, so that whatever else the machine does meets both.
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { typeUrls } from '../../../src/xds/resources/type-url.ts';
import { createRawXdsClient, type DeltaStream } from '../../support/raw-xds-client.ts';
import type { Context, Item } from '../item.ts';
import { quantile } from '../support/quantile.ts';
import type { Answer, Command } from './push-server.ts';

const readers = 200;
const sleepers = 200;
const revisions = 1000;
/** Until then the windows and socket buffers of those that sleep are full. */
const warmUp = 150;
const bytes = 8 * 1024;
const maxFactor = 1.2;
const slackMs = 20;
const maxGrowthMiB = 4;

export const slowReaders: Item = {
  name: 'slow-readers',
  line:
    `${sleepers} raw clients that stop reading do not delay pushes to ${readers} others, and memory stays flat over ` +
    `${revisions} revisions`,
  bound: `p99 ≤ ${maxFactor} × and + ${slackMs} ms of that without them; growth ≤ ${maxGrowthMiB} MiB`,
  async run(context) {
    const alone = await startServer(context, 0);
    const together = await startServer(context, sleepers);
    const times = { alone: [] as number[], together: [] as number[] };
    const both = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        for (const time of await alone.push()) times.alone.push(time);
        for (const time of await together.push()) times.together.push(time);
      }
    };
    await both(warmUp);
    const before = await together.usage();
    const aloneBefore = await alone.usage();
    times.alone = [];
    times.together = [];
    for (let done = 0; done < revisions; done += 250) {
      await both(250);
      context.progress(`${done + 250} revisions, ${round((await together.usage()).usedMiB)} MiB`);
    }
    const after = await together.usage();
    const aloneAfter = await alone.usage();
    const growth = after.usedMiB - before.usedMiB;
    const [p99Alone, p99] = [quantile(times.alone, 0.99), quantile(times.together, 0.99)];
    const held = await together.wakeSleepers();
    return {
      ok: p99 <= maxFactor * p99Alone && p99 <= p99Alone + slackMs && growth <= maxGrowthMiB,
      figures: {
        revisions,
        aloneMedianMs: round(quantile(times.alone, 0.5)),
        aloneP99Ms: round(p99Alone),
        withSleepersMedianMs: round(quantile(times.together, 0.5)),
        withSleepersP99Ms: round(p99),
        memoryBeforeMiB: round(before.usedMiB),
        memoryAfterMiB: round(after.usedMiB),
        aloneCpuMsPerPush: round((aloneAfter.cpuMs - aloneBefore.cpuMs) / revisions),
        withSleepersCpuMsPerPush: round((after.cpuMs - before.cpuMs) / revisions),
        responsesToASleeperMax: held,
      },
    };
  },
};

interface Server {
  /** Pushes a revision, waits until every reader has it, and answers how long each waited. */
  push(): Promise<readonly number[]>;
  usage(): Promise<{ readonly usedMiB: number; readonly cpuMs: number }>;
  /** They read on until they have the newest; answers how many responses the one with most of them was sent. */
  wakeSleepers(): Promise<number>;
}

async function startServer({ defer }: Context, sleeping: number): Promise<Server> {
  const child = fork(join(import.meta.dirname, 'push-server.ts'), { execArgv: ['--expose-gc'] });
  defer(() => void child.kill());
  const { port } = await answered(child, 'listening');
  const open = (node: number): DeltaStream => {
    const client = createRawXdsClient(port);
    defer(() => client.close());
    const stream = client.delta();
    stream.send({ node: { id: `node-${node}` }, typeUrl: typeUrls.cluster });
    return stream;
  };
  const streams = Array.from({ length: readers }, (_, node) => open(node));
  const slow = Array.from({ length: sleeping }, (_, index) => open(readers + index));
  const tell = (command: Command): void => void child.send(command);
  let revision = 0;
  const push = async (): Promise<readonly number[]> => {
    const wanted = String(++revision);
    const pushed = answered(child, 'pushed');
    tell({ kind: 'push', revision, nodes: readers + sleeping, bytes });
    const arrived = await Promise.all(
      streams.map(async (stream) => {
        for (;;) {
          const { systemVersionInfo, nonce } = await stream.next(60_000);
          const at = performance.timeOrigin + performance.now();
          stream.send({ typeUrl: typeUrls.cluster, responseNonce: nonce });
          if (systemVersionInfo === wanted) return at;
        }
      }),
    );
    const { at } = await pushed;
    return arrived.map((time) => time - at);
  };
  await push();
  await Promise.all(slow.map((stream) => stream.next(60_000)));
  for (const stream of slow) stream.pause();
  return {
    push,
    async usage() {
      const told = answered(child, 'memory');
      tell({ kind: 'memory' });
      return await told;
    },
    async wakeSleepers() {
      const counts = slow.map(async (stream) => {
        stream.resume();
        for (let responses = 1; ; responses++) {
          if ((await stream.next(60_000)).systemVersionInfo === String(revision)) return responses;
        }
      });
      return Math.max(...(await Promise.all(counts)));
    },
  };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function answered<Kind extends Answer['kind']>(
  child: ChildProcess,
  kind: Kind,
): Promise<Extract<Answer, { readonly kind: Kind }>> {
  return new Promise((resolve, reject) => {
    const listen = (message: Answer): void => {
      if (message.kind !== kind) return;
      child.off('message', listen);
      child.off('exit', fail);
      resolve(message as Extract<Answer, { readonly kind: Kind }>);
    };
    const fail = (): void => reject(new Error('the server ended'));
    child.on('message', listen);
    child.once('exit', fail);
  });
}
