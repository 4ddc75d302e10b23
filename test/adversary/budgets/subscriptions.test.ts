// W, a workload without rights, subscribes to as many and as long names as it can, in every variant, on as many streams as it can, of as
// many instances as it likes: what is too much is refused with the reason, memory stays flat, and another proxy is answered as before.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { typeUrls } from '../../../src/xds/resources/type-url.ts';
import { figure, qualifying } from '../../support/figure.ts';
import { createRawXdsClient, type RawXdsClient } from '../../support/raw-xds-client.ts';
import { serviceText, yaml } from '../../support/resolve-text.ts';
import { type ServeProcess, startServeProcess } from '../../support/serve-process.ts';
import type { TestCertificate } from '../../support/test-ca.ts';

let wall: ServeProcess;
let attacker: TestCertificate;
let elsewhere: TestCertificate;
let honest: TestCertificate;

async function enrol(service: string): Promise<TestCertificate> {
  const { chain, key, bundle } = await wall.enrol(service);
  const [certificate = '', privateKey = '', root = ''] = [chain, key, bundle].map((file) => readFileSync(file, 'utf8'));
  return { certificate, key: privateKey, root };
}

beforeAll(async () => {
  wall = await startServeProcess(
    yaml('kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1}', serviceText('w'), serviceText('v')),
  );
  [attacker, elsewhere, honest] = [await enrol('w'), await enrol('w'), await enrol('v')];
}, 60_000);
afterAll(async () => {
  await wall?.stop();
});

const types = Object.values(typeUrls);
const names = (stream: number, type: number): string[] =>
  Array.from({ length: 480 }, (_, name) => `${stream}/${type}/${name}/`.padEnd(4000, 'x'));

/** What a new proxy waits for its first answer. */
async function answerMs(): Promise<number> {
  const client = createRawXdsClient(wall.ports.xds, honest);
  const began = performance.now();
  const stream = client.delta();
  stream.send({ node: { id: 'spiffe://td1/service/v~1' }, typeUrl: typeUrls.cluster });
  await stream.next(20_000);
  const ms = performance.now() - began;
  client.close();
  return ms;
}

/** One wave: streams of both variants and of new instances, each with all types; answers how they ended, if they did. */
async function wave(client: RawXdsClient, number: number, streams: number): Promise<readonly string[]> {
  const refused = Array.from({ length: streams }, async (_, index) => {
    const node = { id: `spiffe://td1/service/w~${number}-${index >> 1}` };
    const delta = client.delta();
    const sotw = client.sotw();
    for (const [type, typeUrl] of types.entries()) {
      const wanted = names(index, type);
      const initialResourceVersions = Object.fromEntries(wanted.slice(0, 200).map((name) => [name, 'v'.repeat(4000)]));
      delta.send({ node, typeUrl, resourceNamesSubscribe: wanted.slice(0, 100), initialResourceVersions });
      sotw.send({ node, typeUrl, resourceNames: wanted, versionInfo: 'v'.repeat(4000) });
    }
    const ended = await Promise.all(
      [delta, sotw].map((stream) => stream.ended.then(({ code, details }) => `${code} ${details}`)),
    );
    return ended;
  });
  const late = new Promise<readonly string[][]>((resolve) => setTimeout(resolve, 1500, []));
  return (await Promise.race([Promise.all(refused), late])).flat();
}

test('the budget of an identity holds over streams, types, variants and instances', async () => {
  const client = createRawXdsClient(wall.ports.xds, attacker);
  const warm = createRawXdsClient(wall.ports.xds, attacker);
  const alone = await answerMs();
  let before = 0;
  for (let number = -3; number < 0; number++) {
    await wave(warm, -number + 1000, 12);
    before = Math.max(before, wall.rssMb());
  }
  warm.close();
  let peak = before;
  let slowest = 0;
  const watch = setInterval(() => {
    peak = Math.max(peak, wall.rssMb());
  }, 100);
  for (let number = 1; number <= (qualifying ? 10 : 2); number++) {
    await wave(client, number, 12);
    slowest = Math.max(slowest, await answerMs());
  }
  clearInterval(watch);
  figure('memoryBeforeMb', Math.round(before));
  figure('memoryPeakMb', Math.round(peak));
  figure('answerAloneMs', Math.round(alone));
  figure('answerSlowestMs', Math.round(slowest));
  expect(peak).toBeLessThan(before * 1.2);
  expect(slowest).toBeLessThan(5000);
  client.close();
}, 240_000);

test('what is too much is told, and leaves what was before', async () => {
  // From another host: the one before has had its fill of names of proxies, which are held for a while.
  const client = createRawXdsClient(wall.ports.xds, elsewhere);
  const node = { id: 'spiffe://td1/service/w~told' };
  const good = client.delta();
  good.send({ node, typeUrl: typeUrls.cluster });
  await good.next();
  const greedy = Array.from({ length: 7 }, (_, index) => {
    const stream = client.delta();
    for (const [type, typeUrl] of types.entries())
      stream.send({ node, typeUrl, resourceNamesSubscribe: names(index, type).slice(0, 400) });
    return stream;
  });
  expect(await Promise.race(greedy.map(({ ended }) => ended))).toMatchObject({
    code: 8,
    details: expect.stringContaining('of one identity subscribe to more than'),
  });
  for (const stream of greedy) stream.cancel();
  good.send({ typeUrl: typeUrls.listener });
  expect((await good.next()).typeUrl).toBe(typeUrls.listener);
  client.close();
}, 60_000);

test('streams of one proxy are few; of those that say nothing, too', async () => {
  const client = createRawXdsClient(wall.ports.xds, honest);
  const node = { id: 'spiffe://td1/service/v~few' };
  const ended = Array.from({ length: 9 }, () => {
    const stream = client.delta();
    stream.send({ node, typeUrl: typeUrls.cluster });
    return stream.ended;
  });
  expect(await Promise.race(ended)).toMatchObject({ code: 8, details: expect.stringContaining('8 ADS streams') });
  const other = createRawXdsClient(wall.ports.xds, honest);
  const silent = Array.from({ length: 129 }, () => other.delta().ended);
  expect(await Promise.race(silent)).toMatchObject({
    code: 8,
    details: expect.stringContaining('128 streams without'),
  });
  client.close();
  other.close();
}, 60_000);
