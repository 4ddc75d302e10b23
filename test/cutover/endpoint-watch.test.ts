// When endpoints that Services name are looked at, by a clock that the test moves.
import { expect, test } from 'vitest';
import { createEndpointWatch } from '../../src/cutover/endpoint-watch.ts';
import type { EndpointAnswer } from '../../src/cutover/probe-endpoint.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { MeshIr } from '../../src/policy/ir.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { meshOf, meshText, serviceText, yaml } from '../support/resolve-text.ts';

const meshWith = (addresses: readonly string[], mode = 'strict'): MeshIr => {
  const endpoints = addresses.map((address) => `{address: ${address}, port: 80}`).join(', ');
  const spec = addresses.length === 0 ? '' : `, mtls: {mode: ${mode}}, endpoints: {static: [${endpoints}]}`;
  return meshOf(yaml(meshText(), serviceText('api', 'http1', spec)));
};

function setUp(first: MeshIr | undefined, answers: Readonly<Record<string, EndpointAnswer>> = {}) {
  const clock = createFakeClock();
  const world = { mesh: first };
  const asked: string[] = [];
  const watch = createEndpointWatch({
    mesh: () => world.mesh,
    clock,
    log: silentLog,
    async probe(_service, { address }) {
      asked.push(address);
      return answers[address] ?? 'mtls';
    },
  });
  return {
    ...{ world, watch, clock },
    /** What was asked meanwhile; answers arrive between two ticks. */
    async after(ms: number): Promise<readonly string[]> {
      for (let passed = 0; passed < ms; passed += 250) {
        clock.advance(250);
        await new Promise((done) => setImmediate(done));
      }
      return asked.splice(0);
    },
  };
}

test('each once, then every half minute; what is open every five seconds', async () => {
  const { after, watch } = setUp(meshWith(['10.0.0.1', '10.0.0.2']), { '10.0.0.2': 'plaintext' });
  expect(await after(1000)).toEqual(['10.0.0.1', '10.0.0.2']);
  expect(await after(28_000)).toEqual(Array.from({ length: 5 }, () => '10.0.0.2'));
  expect((await after(6000)).filter((address) => address === '10.0.0.1')).toHaveLength(1);
  watch.stop();
  expect(await after(60_000)).toEqual([]);
});

test('documents that come into force are looked at within a quarter of a second, and those that went never again', async () => {
  const { after, world, watch } = setUp(undefined);
  expect(await after(5000)).toEqual([]);
  world.mesh = meshWith(['10.0.0.1']);
  expect(await after(500)).toEqual(['10.0.0.1']);
  world.mesh = meshWith(['10.0.0.2']);
  expect(await after(500)).toEqual(['10.0.0.2']);
  world.mesh = meshWith([]);
  expect(await after(120_000)).toEqual([]);
  watch.stop();
});

test('another mode, which is less content with what was seen, is looked at sooner; edits elsewhere change nothing', async () => {
  const { after, world, watch } = setUp(meshWith(['10.0.0.1'], 'permissive'), { '10.0.0.1': 'own-tls' });
  expect(await after(1000)).toEqual(['10.0.0.1']);
  world.mesh = meshWith(['10.0.0.1'], 'permissive');
  expect(await after(10_000)).toEqual([]);
  world.mesh = meshWith(['10.0.0.1'], 'strict');
  expect(await after(500)).toEqual(['10.0.0.1']);
  watch.stop();
});

test('who asks gets what was seen seconds ago, and else looks now; then it waits as long as ever', async () => {
  const mesh = meshWith(['10.0.0.1']);
  const { after, watch } = setUp(mesh);
  const services = [...mesh.services.values()];
  expect(await after(1000)).toEqual(['10.0.0.1']);
  await watch.look(services);
  expect(await after(9000)).toEqual([]);
  await watch.look(services);
  expect(await after(29_000)).toEqual(['10.0.0.1']);
  expect(await after(2000)).toEqual(['10.0.0.1']);
  watch.stop();
});
