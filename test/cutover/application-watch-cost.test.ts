// What it costs the control plane to probe a thousand applications all the time: real connections, over time that the test moves.
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { createApplicationWatch } from '../../src/cutover/application-watch.ts';
import { createProbeApplication } from '../../src/cutover/probe-application.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { RegisteredProxy } from '../../src/registry/registered-proxy.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { figure, qualifying } from '../support/figure.ts';
import { meshOf, meshText, serviceText, yaml } from '../support/resolve-text.ts';

const applications = 1000;
const minutes = qualifying ? 10 : 1;
const tickMs = 250;

test('a thousand applications: a few sockets at a time, and less than a hundredth of a core', {
  timeout: 180_000,
}, async () => {
  const mesh = meshOf(yaml(meshText(), serviceText('api', 'http1')));
  const [spiffeId] = mesh.serviceOf.keys();
  if (spiffeId === undefined) throw new Error('no service');
  // One in a hundred is open.
  const open = await Promise.all(Array.from({ length: applications / 100 }, () => listen()));
  const ports = Array.from({ length: applications }, (_, at) => open[at]?.port ?? 20_000 + at);
  const proxies = ports.map((port, at): RegisteredProxy => {
    const inbound = { address: '127.0.0.1', port: 10_000 + at };
    const place = { inbound, application: { address: '127.0.0.1', port } };
    return { node: `${spiffeId}~${at}`, spiffeId, state: 'connected', since: 0, ready: true, ...place };
  });
  const clock = createFakeClock();
  // Loopback stands for the hosts of the others: what is refused there is refused at once.
  const real = createProbeApplication(() => ['127.0.0.2']);
  let [probes, now, most] = [0, 0, 0];
  const watch = createApplicationWatch({
    proxies: () => proxies,
    mesh: () => mesh,
    async probe(place) {
      probes += 1;
      now += 1;
      most = Math.max(most, now);
      const found = await real(place);
      now -= 1;
      return found;
    },
    ...{ clock, log: silentLog },
  });
  try {
    const began = process.cpuUsage();
    for (let passed = 0; passed < minutes * 60_000; passed += tickMs) {
      clock.advance(tickMs);
      do await new Promise((done) => setImmediate(done));
      while (now > 0);
    }
    const { user, system } = process.cpuUsage(began);
    const percent = (user + system) / 1000 / (minutes * 600);
    figure('probesAMinute', Math.round(probes / minutes));
    figure('socketsAtOnce', most);
    figure('percentOfACore', Math.round(percent * 100) / 100);
    expect(probes / minutes).toBeGreaterThan(1.7 * applications);
    expect(most).toBeLessThanOrEqual(32);
    expect(percent).toBeLessThan(qualifying ? 1 : 2);
    // Of the others some may be in use where the test runs.
    for (const proxy of proxies.slice(0, open.length)) {
      expect(watch.seen({ ...proxy, types: [] }).applicationState).toEqual({ answers: true, around: ['127.0.0.2'] });
    }
  } finally {
    watch.stop();
    for (const { close } of open) close();
  }
});

function listen(): Promise<{ readonly port: number; close(): void }> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.listen(0, '127.0.0.2', () => {
      const at = server.address();
      resolve({ port: typeof at === 'object' && at !== null ? at.port : 0, close: () => void server.close() });
    });
  });
}
