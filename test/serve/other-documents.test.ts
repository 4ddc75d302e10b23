// What a control plane is started on that is not its own: documents of another trust domain, a Redis that another CA was first on, a
// folder with a broken file.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAdminClient } from '../../src/admin/client.ts';
import { sealKey } from '../../src/identity/sealed-table.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createLifecycle, type Lifecycle } from '../../src/lib/lifecycle.ts';
import { type Log, silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import type { DocumentKey } from '../../src/model/documents/document.ts';
import { serve } from '../../src/serve/serve.ts';
import type { ServeOptions, ServeStarted } from '../../src/serve/serve-options.ts';
import { serverAt } from '../../src/store/redis/connection.ts';
import { createRedisStore } from '../../src/store/redis.ts';
import { eventually } from '../support/eventually.ts';
import { heardLog } from '../support/heard-log.ts';
import { acceptsAll } from '../support/judged.ts';
import { directoryOf } from '../support/serve-harness.ts';
import { startValkey } from '../support/valkey.ts';

const mesh = (domain: string) =>
  `apiVersion: cellwall/v1\nkind: Mesh\nmetadata: { name: mesh }\nspec: { trustDomain: ${domain} }\n`;
let folder: string;
let logged: string[];
const running: Lifecycle[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-other-'));
  logged = [];
});

afterEach(async () => {
  await stopAll();
  rmSync(folder, { recursive: true, force: true });
});

async function stopAll(): Promise<void> {
  for (const lifecycle of running.splice(0)) await lifecycle.close();
}

function documents(name: string, text: string): ServeOptions['store'] {
  mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, name, 'all.yaml'), text);
  return directoryOf(join(folder, name));
}

async function start(store: ServeOptions['store'], data: string, signal = new AbortController().signal) {
  const lifecycle = createLifecycle();
  running.push(lifecycle);
  const write = (fields: object, message: string): void => void logged.push(`${message} ${JSON.stringify(fields)}`);
  const log: Log = heardLog({ warn: write, error: write, child: () => log });
  const port = { host: '127.0.0.1', port: 0 };
  let started: ServeStarted | undefined;
  const options = {
    store,
    data: join(folder, data),
    logLevel: 'warn',
    xds: port,
    identity: port,
    admin: port,
  } as const;
  await serve(options, { clock: systemClock, log, version: '0', lifecycle, signal }, (info) => {
    started = info;
  });
  return started;
}

/** As the control plane with that data folder would. */
async function fill(url: Redacted<string>, data: string): Promise<void> {
  const log = silentLog;
  mkdirSync(join(folder, data), { mode: 0o700 });
  const key = sealKey(join(folder, data, 'seal.key'));
  const options = {
    connection: serverAt(url),
    prefix: 'cellwall',
    sealKey: key,
    check: acceptsAll,
    log,
    clock: systemClock,
  };
  const store = await createRedisStore(options);
  await store.apply([{ op: 'put', key: 'Mesh/mesh' as DocumentKey, text: mesh('td1') }], { author: 'test' });
  await store.close();
}

describe('documents of another trust domain', () => {
  it('refuse the start, and are not kept as the last good ones', async () => {
    const right = documents('right', mesh('td1'));
    await start(right, 'data');
    await stopAll();
    await expect(start(documents('other', mesh('td2')), 'data')).rejects.toMatchObject({
      code: 'failed_precondition',
      message: expect.stringMatching(/all\.yaml:4:\d+: .*"td1" and cannot become "td2"/),
      hint: expect.stringContaining('--documents'),
    });
    await stopAll();
    documents('right', 'kind: [');
    expect(await start(right, 'data')).toMatchObject({ trustDomain: 'td1', services: 0 });
  });

  it('cannot take the Mesh away that is in force', async () => {
    const info = await start(documents('right', mesh('td1')), 'data');
    if (info === undefined) throw new Error('not started');
    const token = new Redacted(readFileSync(info.adminTokenFile, 'utf8').trim());
    const admin = createAdminClient({ url: `http://127.0.0.1:${info.admin.port}`, token });
    expect(await admin.apply({ changes: [{ op: 'delete', key: 'Mesh/mesh' }] })).toMatchObject({
      kind: 'invalid',
      problems: [
        { code: 'no-mesh', message: 'the Mesh cannot be deleted while it is in force', source: { file: '(Mesh)' } },
      ],
    });
  });
});

it('a broken file of the first start is told before the Mesh is missed', async () => {
  const stop = new AbortController();
  const waiting = start(documents('broken', 'kind: ['), 'data', stop.signal).catch(() => {});
  const last = () => logged.find((line) => line.includes('only the admin API'));
  const line = await eventually('it waits', last);
  expect(line).toMatch(/^documents refused, none in force: .*all\.yaml:1:\d+: /);
  stop.abort();
  await waiting;
});

describe('one Redis', () => {
  it('is refused to another CA, and taken over by who brings the first one', async () => {
    const valkey = await startValkey();
    try {
      const url = new Redacted(valkey.url);
      const store = { kind: 'redis', options: { url } };
      await fill(url, 'one');
      await start(store, 'one');
      const elsewhere = start(store, 'two');
      await expect(elsewhere).rejects.toMatchObject({
        code: 'failed_precondition',
        message: expect.stringContaining('first used with another CA'),
        hint: expect.stringContaining('seal.key'),
      });
      expect(existsSync(join(folder, 'two', 'ca'))).toBe(false);
      await stopAll();
      for (const part of ['ca', 'seal.key']) {
        execFileSync('cp', ['-a', join(folder, 'one', part), join(folder, 'two')]);
      }
      expect(await start(store, 'two')).toMatchObject({ trustDomain: 'td1' });
      await stopAll();
      expect(await start(store, 'one')).toMatchObject({ trustDomain: 'td1' });
    } finally {
      await stopAll();
      await valkey.stop();
    }
  });
});
