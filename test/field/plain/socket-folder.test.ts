// A dependency's socket whose folder is not there: `status` names the socket and what to do under NEEDS SOMEBODY, and no more once it is
// mended. The control is Envoy's own rejection, which says the same in its words; a neighbour that can be made is.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { formatStatus } from '../../../src/cli/output/format-status.ts';
import { socketFaults } from '../../../src/cli/output/socket-faults.ts';
import { eventually } from '../../support/eventually.ts';
import { figure } from '../../support/figure.ts';
import { serviceText } from '../../support/resolve-text.ts';
import { type ReturnWall, startReturnWall } from '../../support/return-wall.ts';

let wall: ReturnWall | undefined;
const dir = mkdtempSync(join(tmpdir(), 'cellwall-socket-'));
afterEach(async () => {
  await wall?.stop();
  rmSync(dir, { recursive: true, force: true });
});

test('what cannot be made needs somebody, until it is mended', async () => {
  writeFileSync(join(dir, 'file'), '');
  mkdirSync(join(dir, 'name.sock'));
  const sockets = ['missing/s.sock', 'file/s.sock', 'name.sock', 'well.sock'].map((name) => join(dir, name));
  const [missing = '', file = '', name = '', well = ''] = sockets;
  const others = ['b', 'c', 'd'];
  const dependsOn = ['api', ...others].map((service, at) => `{service: ${service}, listen: "unix:${sockets[at]}"}`);
  const more = [
    ...others.map((other) => serviceText(other)),
    serviceText('cli', 'http1', `, dependsOn: [${dependsOn.join(', ')}]`),
  ];
  wall = await startReturnWall({ more });
  const { serve, start } = wall;
  const status = async (): Promise<string> =>
    formatStatus({
      ...{ status: await serve.admin.status(), services: [], traffic: [], now: Date.now() },
      proxies: (await serve.admin.proxies()).proxies,
    });
  await start('cli');
  const told = await eventually('all three are told', async () => {
    const text = await status();
    return [...text.matchAll(/it cannot make the socket/g)].length === 3 ? text : undefined;
  });
  expect(told).toMatch(/^PROXY +NEEDS SOMEBODY$/m);
  expect(told).toContain(`it cannot make the socket ${missing}: create the folder ${join(dir, 'missing')},`);
  expect(told).toContain(`it cannot make the socket ${file}: ${join(dir, 'file')} is not a folder,`);
  expect(told).toContain(`it cannot make the socket ${name}: something else has that name: remove it`);
  expect(told).toMatch(/^REJECTED BY/m);
  expect(existsSync(well)).toBe(true);

  mkdirSync(join(dir, 'missing'));
  rmSync(join(dir, 'file'));
  mkdirSync(join(dir, 'file'));
  rmSync(join(dir, 'name.sock'), { recursive: true });
  const begin = performance.now();
  await eventually('nothing is told', async () => !(await status()).includes('cannot make') || undefined, 30_000);
  figure('mendedWithinMs', Math.round(performance.now() - begin));
  for (const socket of sockets) expect(existsSync(socket)).toBe(true);
}, 60_000);

test.each([
  ['Permission denied', /its user may not write to \/run\/web \(permission denied\): give it permission/],
  ['Read-only file system', /its user may not write to \/run\/web \(read-only file system\)/],
  ['Operation not permitted', /its user may not write to/],
  ['File name too long', /File name too long: fix that, or change dependsOn\.listen/],
])('%s is told with its folder', (why, words) => {
  const [line, ...rest] = socketFaults([
    `Error adding/updating listener(s) outbound:api: cannot bind '/run/web/a.sock': ${why}`,
  ]);
  expect(rest).toEqual([]);
  expect(line).toMatch(/^it cannot make the socket \/run\/web\/a\.sock: /);
  expect(line).toMatch(words);
});

test.each([
  "cannot bind '127.0.0.1:80': Address already in use",
  "cannot bind '/run/\u001b[2J/a.sock': Permission denied",
  'something else',
])('nothing is made of %j', (nack) => {
  expect(socketFaults([nack])).toEqual([]);
});
