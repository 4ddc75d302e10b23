// A record of traffic that has become larger than memory allows, as one without budgets could leave it, or somebody with a hand on the
// state database: the control plane starts again, needs no more memory for it than for a full record, and keeps what is of others.

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeChunk } from '../../../src/observe/traffic-chunk.ts';
import { figure, qualifying } from '../../support/figure.ts';
import { serviceText, yaml } from '../../support/resolve-text.ts';
import { type ServeProcess, startServeProcess } from '../../support/serve-process.ts';

let wall: ServeProcess;
beforeAll(async () => {
  wall = await startServeProcess(
    yaml('kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1}', serviceText('w'), serviceText('v')),
  );
}, 60_000);
afterAll(async () => {
  await wall?.stop();
});

const wantedMb = qualifying ? 300 : 120;
const long = 'x'.repeat(1900);

function chunk(number: number, service: string, count: number): string {
  const lastSeen = Date.now() - 60_000 + number;
  const day = Math.floor(lastSeen / 86_400_000);
  const calls = Array.from({ length: count }, (_, index) => {
    const principal = `spiffe://td1/${number}/${index}/${service === 'w' ? long : ''}`;
    return { service, caller: 'mtls', principal, decision: 'allowed', count: 1, lastSeen, days: [[day, 1]] } as const;
  });
  return JSON.stringify(writeChunk(calls));
}

/** Into the table, beside the control plane; answers MiB. */
function fill(): number {
  const database = new DatabaseSync(join(wall.folder, 'data', 'state', 'cellwall.db'));
  database.exec('PRAGMA busy_timeout = 5000');
  const put = database.prepare("INSERT OR REPLACE INTO entries (name, key, value) VALUES ('traffic', ?, ?)");
  let bytes = 0;
  database.exec('BEGIN');
  put.run('0', chunk(0, 'v', 3));
  for (let number = 1; bytes < wantedMb * 1024 * 1024; number++) {
    const text = chunk(number, 'w', 200);
    bytes += text.length;
    put.run(String(number), text);
  }
  database.exec('COMMIT');
  database.close();
  return Math.round(bytes / 1024 / 1024);
}

test('a restart reads no more than fits, and the next one finds a table that does', async () => {
  await wall.restart();
  const before = wall.peakMb();
  figure('tableMb', fill());
  await wall.restart();
  const peak = wall.peakMb();
  figure('peakWithoutMb', Math.round(before));
  figure('peakMb', Math.round(peak));
  expect(peak - before).toBeLessThan(120);
  const { traffic } = await wall.admin.traffic();
  expect(traffic.filter(({ service }) => service === 'v')).toHaveLength(3);
  expect(traffic.filter(({ service }) => service === 'w').length).toBeGreaterThan(200);
  await wall.restart();
  const database = new DatabaseSync(join(wall.folder, 'data', 'state', 'cellwall.db'), { readOnly: true });
  const [row] = database.prepare("SELECT sum(length(value)) AS bytes FROM entries WHERE name = 'traffic'").all();
  database.close();
  figure('tableAfterMb', Math.round(Number(row?.['bytes']) / 1024 / 1024));
  expect(Number(row?.['bytes'])).toBeLessThan(13 * 1024 * 1024);
}, 120_000);
