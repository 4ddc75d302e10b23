// Clients that stop reading cost those that read nothing, and the server no memory.
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { typeUrls } from '../../../src/xds/type-url.ts';
import { createRawXdsClient, type DeltaStream, type RawXdsClient } from '../../support/raw-xds-client.ts';
import type { Item } from '../item.ts';
import { quantile } from '../support/quantile.ts';
import type { Answer, Command } from './push-server.ts';

const readers = 200;
const sleepers = 200;
const revisions = 1000;
const warmUp = 50;
const baseline = 200;
const bytes = 8 * 1024;
const maxFactor = 1.2;
const slackMs = 20;
const maxGrowthMiB = 8;

export const slowReaders: Item = {
  name: 'slow-readers',
  line: `${sleepers} raw clients that stop reading do not delay pushes to ${readers} others, and memory stays flat over ${revisions} revisions`,
  bound: `p99 ≤ ${maxFactor} × and + ${slackMs} ms of that without them; growth ≤ ${maxGrowthMiB} MiB`,
  async run({ progress, defer }) {
    const child = fork(join(import.meta.dirname, 'push-server.ts'), { execArgv: ['--expose-gc'] });
    defer(() => void child.kill());
    const port = (await answered(child, 'listening')).port;
    const clients: RawXdsClient[] = [];
    defer(() => {
      for (const client of clients) client.close();
    });
    const open = (node: number): DeltaStream => {
      const client = createRawXdsClient(port);
      clients.push(client);
      const stream = client.delta();
      stream.send({ node: { id: `node-${node}` }, typeUrl: typeUrls.cluster });
      return stream;
    };
    const tell = (command: Command): void => void child.send(command);
    const memory = async (): Promise<number> => {
      tell({ kind: 'memory' });
      const { usedMiB } = await answered(child, 'memory');
      return usedMiB;
    };
    let revision = 0;
    const streams = Array.from({ length: readers }, (_, node) => open(node));
    /** Pushes once, waits until every reader has it, and answers how long each waited. */
    const push = async (nodes: number): Promise<readonly number[]> => {
      const wanted = String(++revision);
      tell({ kind: 'push', revision, nodes, bytes });
      const pushed = answered(child, 'pushed');
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
    const measure = async (times: number, nodes: number): Promise<readonly number[]> => {
      const all: number[] = [];
      for (let i = 0; i < times; i++) all.push(...(await push(nodes)));
      return all;
    };

    await measure(warmUp, readers);
    const alone = await measure(baseline, readers);
    const aloneP99 = quantile(alone, 0.99);
    progress(`without: median ${round(quantile(alone, 0.5))} ms, p99 ${round(aloneP99)} ms`);
    const slow = Array.from({ length: sleepers }, (_, index) => open(readers + index));
    tell({ kind: 'push', revision: ++revision, nodes: readers + sleepers, bytes });
    await Promise.all(slow.map((stream) => stream.next(60_000)));
    for (const stream of slow) stream.pause();
    await answered(child, 'memory', () => tell({ kind: 'memory' }));
    // Their windows fill first; what a server keeps for them is there from then on.
    await measure(warmUp, readers + sleepers);
    const before = await memory();
    const together = await measure(revisions, readers + sleepers);
    const after = await memory();
    const p99 = quantile(together, 0.99);
    for (const stream of slow) stream.resume();
    const last = String(revision);
    const heldBack = await Promise.all(
      slow.map(async (stream) => {
        for (let responses = 1; ; responses++) {
          if ((await stream.next(60_000)).systemVersionInfo === last) return responses;
        }
      }),
    );
    const figures = {
      revisions,
      aloneMedianMs: round(quantile(alone, 0.5)),
      aloneP99Ms: round(aloneP99),
      withSleepersMedianMs: round(quantile(together, 0.5)),
      withSleepersP99Ms: round(p99),
      memoryBeforeMiB: round(before),
      memoryAfterMiB: round(after),
      responsesHeldForASleeperMax: Math.max(...heldBack),
    };
    const inTime = p99 <= maxFactor * aloneP99 && p99 <= aloneP99 + slackMs;
    return { ok: inTime && after - before <= maxGrowthMiB, figures };
  },
};

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function answered<Kind extends Answer['kind']>(
  child: ChildProcess,
  kind: Kind,
  ask: () => void = () => undefined,
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
    ask();
  });
}
