// No process of the demo survives it, however it ends.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createPorts } from '../../demo/house/ports.ts';
import { createProcesses, tail } from '../../demo/house/processes.ts';
import { until, untilTrue } from '../../demo/house/until.ts';
import { writeEnvoyRecord } from '../../src/sidecar/envoy/envoy-record.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

// A leader that ignores SIGTERM and has a child of its own, whose pid it tells.
const stubborn = `trap '' TERM; sleep 300 & echo $! > "$0"; wait; wait`;

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    // A zombie has ended.
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

const pidIn = (file: string): Promise<number> =>
  until(() => (existsSync(file) ? Number(readFileSync(file, 'utf8')) || undefined : undefined), {
    what: 'a pid',
    withinMs: 5000,
  });

test('stop ends groups, also what ignores SIGTERM and what it started', async () => {
  const processes = createProcesses({ graceMs: 200 });
  const file = join(folder, 'pid');
  const child = processes.start({
    name: 'stubborn',
    command: 'sh',
    args: ['-c', stubborn, file],
    logFile: join(folder, 'log'),
  });
  const grandchild = await pidIn(file);
  expect(alive(grandchild)).toBe(true);
  await processes.stop();
  expect(child.running()).toBe(false);
  await untilTrue(() => !alive(grandchild) && !alive(child.pid), { what: 'both have ended', withinMs: 5000 });
  await processes.stop();
});

test('what a killed demo leaves behind is killed, too', async () => {
  const file = join(folder, 'pid');
  const script = join(folder, 'demo.mjs');
  const module = new URL('../../demo/house/processes.ts', import.meta.url).href;
  writeFileSync(
    script,
    `import { createProcesses } from ${JSON.stringify(module)};
     createProcesses().start({ name: 's', command: 'sh', args: ['-c', ${JSON.stringify(stubborn)}, ${JSON.stringify(file)}], logFile: ${JSON.stringify(join(folder, 'log'))} });
     setInterval(() => {}, 1000);`,
  );
  const demo = spawn(process.execPath, [script], { stdio: 'ignore' });
  const grandchild = await pidIn(file);
  demo.kill('SIGKILL');
  await untilTrue(() => !alive(grandchild), { what: 'the guard has ended it', withinMs: 5000 });
});

/** What stands for an Envoy in a session of its own, noted in `data` as its helper does. */
async function fakeEnvoy(data: string): Promise<number> {
  const config = join(data, 'envoy.json');
  const args = ['-e', 'setInterval(() => {}, 1000)', '--', '--config-path', config];
  const child = spawn(process.execPath, args, { detached: true, stdio: 'ignore' });
  const { pid = 0 } = child;
  // The kernel shows the arguments a moment after spawn() is over.
  await untilTrue(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(config), {
    what: 'the arguments are there',
    withinMs: 5000,
  });
  writeEnvoyRecord(data, { pid, config, inbounds: [] });
  return pid;
}

test('stop ends the Envoy of a sidecar that was killed', async () => {
  const processes = createProcesses();
  processes.start({
    name: 'sidecar',
    command: 'sh',
    args: ['-c', 'kill -9 $$'],
    logFile: join(folder, 'log'),
    sidecarFolder: folder,
  });
  const envoy = await fakeEnvoy(folder);
  expect(alive(envoy)).toBe(true);
  await processes.stop();
  expect(alive(envoy)).toBe(false);
});

test('a killed demo leaves no Envoy, and no harm to who has a pid now that one of its Envoys had', async () => {
  const [mine, others] = [join(folder, 'my own'), join(folder, 'another')];
  for (const data of [mine, others]) mkdirSync(data);
  const script = join(folder, 'demo.mjs');
  const module = new URL('../../demo/house/processes.ts', import.meta.url).href;
  writeFileSync(
    script,
    `import { createProcesses } from ${JSON.stringify(module)};
     const processes = createProcesses();
     for (const sidecarFolder of ${JSON.stringify([mine, others])})
       processes.start({ name: 's', command: 'sleep', args: ['300'], logFile: ${JSON.stringify(join(folder, 'log'))}, sidecarFolder });
     console.log('started'); setInterval(() => {}, 1000);`,
  );
  const demo = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(demo.stdout, 'data');
  const envoy = await fakeEnvoy(mine);
  const stranger = spawn('sleep', ['300']);
  writeFileSync(
    join(others, 'envoy-process.json'),
    readFileSync(join(mine, 'envoy-process.json'), 'utf8').replace(String(envoy), String(stranger.pid)),
  );
  demo.kill('SIGKILL');
  await untilTrue(() => !alive(envoy), { what: 'the guard has ended it', withinMs: 5000 });
  expect(alive(stranger.pid ?? 0)).toBe(true);
  stranger.kill();
});

test('the output of a child is kept', async () => {
  const processes = createProcesses();
  const child = processes.start({
    name: 'talker',
    command: 'sh',
    args: ['-c', 'echo one; echo two >&2; echo three'],
    logFile: join(folder, 'log'),
  });
  await child.exited;
  expect(tail(child, 2)).toBe('two\nthree');
  await processes.stop();
  expect(() => processes.start({ name: 'late', command: 'true', args: [], logFile: join(folder, 'log') })).toThrow(
    /ending/,
  );
});

test('ports are free, distinct, and not of the range for outgoing connections', async () => {
  const ports = createPorts();
  const taken = new Set(await Promise.all([ports.next(), ports.next(), ports.next()]));
  expect(taken.size).toBe(3);
  const first = Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').trim().split(/\s+/)[0]);
  for (const port of taken) expect(port).toBeLessThan(first);
});
