// Control planes that have nothing but the store and the bootstrap secret: one CA, whoever starts when; and never a new root in place of
// one that was there.
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  newBootstrapSecret,
  readBootstrapSecret,
  renewedBootstrapSecret,
} from '../../src/identity/bootstrap-secret.ts';
import { rootName } from '../../src/identity/roots/roots-record.ts';
import { sealKey } from '../../src/identity/sealed-table.ts';
import { writeSecretFile } from '../../src/identity/secret-file.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { defined } from '../../src/lib/defined.ts';
import { createLifecycle, type Lifecycle } from '../../src/lib/lifecycle.ts';
import { type Log, silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { temporaryFolder } from '../../src/lib/temporary-folder.ts';
import { serve } from '../../src/serve/serve.ts';
import type { ServeOptions } from '../../src/serve/serve-options.ts';
import { serverAt } from '../../src/store/redis/connection.ts';
import { createRedisStore } from '../../src/store/redis.ts';
import { puts } from '../support/documents.ts';
import { eventually } from '../support/eventually.ts';
import { heardLog } from '../support/heard-log.ts';
import { acceptsAll } from '../support/judged.ts';
import { directoryOf } from '../support/serve-harness.ts';
import { startValkey, type Valkey } from '../support/valkey.ts';

const mesh = 'apiVersion: cellwall/v1\nkind: Mesh\nmetadata: { name: mesh }\nspec: { trustDomain: td1 }\n';
const entryKey = 'cellwall:table:ca:material';
let valkey: Valkey;
let redis: Redis;
let folder: string;
let secret: string;
let logged: string[];
const running = new Set<Lifecycle>();

beforeAll(async () => {
  valkey = await startValkey();
  redis = new Redis(valkey.url);
  // It goes away in a test.
  redis.on('error', () => {});
});
afterAll(async () => {
  redis.disconnect();
  await valkey.stop();
});
beforeEach(async () => {
  await redis.flushall();
  folder = temporaryFolder('bootstrap');
  secret = join(folder, 'bootstrap-secret');
  writeSecretFile(secret, newBootstrapSecret().reveal());
  logged = [];
});
afterEach(async () => {
  for (const lifecycle of running) await lifecycle.close();
  running.clear();
  rmSync(folder, { recursive: true, force: true });
});

/** As an operator did before, with a control plane that has this key. */
async function applyMesh(key: Redacted<string>): Promise<void> {
  const store = await createRedisStore({
    ...{ connection: serverAt(new Redacted(valkey.url)), prefix: 'cellwall', sealKey: key },
    ...{ check: acceptsAll, log: silentLog, clock: systemClock },
  });
  await store.apply(puts(mesh), { author: 'operator' });
  await store.close();
}

const applyWithSecret = (): Promise<void> => applyMesh(readBootstrapSecret(secret).sealKey);

interface Started {
  /** Of the root, and of the intermediate that signs. */
  readonly root: string;
  readonly issuer: string;
  end(): Promise<void>;
}

async function start(
  name: string,
  secretFile: string | null = secret,
  store: ServeOptions['store'] = { kind: 'redis', options: { url: new Redacted(valkey.url) } },
): Promise<Started> {
  const lifecycle = createLifecycle();
  running.add(lifecycle);
  const write = (fields: object, message: string): void => void logged.push(`${message} ${JSON.stringify(fields)}`);
  const log: Log = heardLog({ info: write, warn: write, error: write, child: () => log });
  const port = { host: '127.0.0.1', port: 0 };
  const data = join(folder, name);
  const stop = new AbortController();
  lifecycle.defer('waiting', async () => stop.abort());
  const end = async (): Promise<void> => {
    running.delete(lifecycle);
    await lifecycle.close();
  };
  const options = {
    store,
    data,
    ...defined({ bootstrapSecret: secretFile ?? undefined }),
    logLevel: 'info',
    xds: port,
    identity: port,
    admin: port,
  } as const;
  try {
    const identity = await new Promise<number>((resolve, reject) => {
      const deps = { clock: systemClock, log, version: '0', lifecycle, signal: stop.signal };
      serve(options, deps, (info) => resolve(info.identity.port)).catch(reject);
    });
    const certificates = await chainAt(identity);
    const root = new X509Certificate(
      readFileSync(join(data, 'ca', existsSync(join(data, 'ca/root')) ? 'root/certificate.pem' : 'bundle.pem')),
    );
    const [, issuer] = certificates;
    if (issuer?.verify(root.publicKey) !== true) throw new Error('what signs there is not of its root');
    return { root: root.fingerprint256, issuer: issuer.fingerprint256, end };
  } catch (reason) {
    await end();
    throw reason;
  }
}

/** What the control plane presents, with its intermediate. */
function chainAt(port: number): Promise<readonly X509Certificate[]> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      const leaf = socket.getPeerX509Certificate();
      const issuer = leaf?.issuerCertificate;
      socket.destroy();
      resolve([leaf, issuer].flatMap((one) => (one === undefined ? [] : [one])));
    });
    socket.once('error', reject);
  });
}

const filesOf = (name: string): readonly string[] => readdirSync(join(folder, name, 'ca')).sort();

describe('with Redis and the secret alone', () => {
  it('a fresh control plane is one of the same CA, and no key lies in Redis or in its folder', async () => {
    await applyWithSecret();
    const first = await start('first');
    const second = await start('second');
    expect(second.root).toBe(first.root);
    expect(second.issuer).toBe(first.issuer);
    for (const name of ['first', 'second']) expect(filesOf(name)).toEqual(['bundle.pem', 'trust-bundle.json']);
    for (const key of await redis.keys('*')) {
      const text = (await redis.type(key)) === 'string' ? ((await redis.get(key)) ?? '') : '';
      expect(text).not.toContain('PRIVATE KEY');
    }
    const stored: unknown = JSON.parse((await redis.get(entryKey)) ?? 'null');
    expect(stored).toMatchObject({ value: { version: expect.any(Number), data: expect.any(String) } });
    await first.end();
    expect((await start('third')).root).toBe(second.root);
  });

  it('several that start at once make one root, and one intermediate', async () => {
    await applyWithSecret();
    const all = await Promise.all(['a', 'b', 'c'].map((name) => start(name)));
    expect(new Set(all.map(({ root }) => root)).size).toBe(1);
    expect(new Set(all.map(({ issuer }) => issuer)).size).toBe(1);
    expect(logged.filter((line) => line.startsWith('created a new root CA'))).toHaveLength(1);
  });

  it('a data folder that has been there starts while Redis is away', async () => {
    await applyWithSecret();
    const first = await start('first');
    await first.end();
    valkey.child?.kill('SIGKILL');
    await eventually('Redis is gone', () => redis.status !== 'ready' || undefined, 5000);
    const again = await start('first');
    expect(again).toMatchObject({ root: first.root, issuer: first.issuer });
    await again.end();
    await valkey.restart();
    await eventually('Redis is back', () => redis.status === 'ready' || undefined, 10_000);
    // It was empty: what was known is written again, and serves a fresh one.
    await start('first');
    await eventually('the entry is back', async () => (await redis.exists(entryKey)) === 1 || undefined, 10_000);
    expect((await start('fresh')).root).toBe(first.root);
  });
});

describe('a start is refused', () => {
  const refusal = (message: RegExp) =>
    expect.objectContaining({
      code: 'failed_precondition',
      message: expect.stringMatching(message),
      hint: expect.any(String),
    });

  it('with another secret; nothing of it stays in the folder, and the store is as it was', async () => {
    await applyWithSecret();
    const first = await start('first');
    const before = await redis.get(entryKey);
    const wrong = join(folder, 'bootstrap-secret-wrong');
    writeSecretFile(wrong, newBootstrapSecret().reveal());
    await expect(start('second', wrong)).rejects.toEqual(refusal(/another bootstrap secret/));
    expect(existsSync(join(folder, 'second', 'seal.key'))).toBe(false);
    await expect(start('first-again', wrong)).rejects.toEqual(refusal(/another bootstrap secret/));
    expect(await redis.get(entryKey)).toBe(before);
    expect((await start('second')).root).toBe(first.root);
  });

  it('without the secret', async () => {
    await applyWithSecret();
    await (await start('first')).end();
    rmSync(join(folder, 'second'), { recursive: true, force: true });
    await expect(startWithout('first')).rejects.toEqual(refusal(/encrypted with a bootstrap secret/));
    await expect(startWithout('second')).rejects.toEqual(refusal(/deployment with a bootstrap secret/));
  });

  it.each([
    ['is missing', async () => void (await redis.del(entryKey)), /are missing in the store/],
    [
      'is another text',
      async () => void (await redis.set(entryKey, '{"value":{},"at":1,"until":null,"seal":"x"}')),
      /are missing/,
    ],
    [
      'is missing, and so is the mark of the CA',
      async () => void (await redis.del(entryKey, 'cellwall:table:authority:root')),
      /are missing in the store/,
    ],
  ])('if the entry %s, where nothing else is known: never a new root', async (_what, damage, message) => {
    await applyWithSecret();
    const first = await start('first');
    await first.end();
    await damage();
    await expect(start('fresh')).rejects.toEqual(refusal(message));
    expect(logged.filter((line) => line.startsWith('created a new root CA'))).toHaveLength(1);
    // Who has it in `state/` puts it right.
    expect((await start('first')).root).toBe(first.root);
    await eventually('it is there again', async () => (await redis.get(entryKey))?.includes('"data"'), 10_000);
    expect((await start('fresh')).root).toBe(first.root);
  });

  it('if all of the CA is gone from the store, and the secret names a root', async () => {
    await applyWithSecret();
    const first = await start('first');
    await first.end();
    const root = rootName(readFileSync(join(folder, 'first/ca/bundle.pem'), 'utf8'));
    writeSecretFile(secret, `${readFileSync(secret, 'utf8')}root ${root}\n`);
    const second = await start('second');
    expect(second.root).toBe(first.root);
    await second.end();
    await redis.del(...(await redis.keys('cellwall:table:*')));
    await expect(start('fresh')).rejects.toEqual(refusal(/are missing in the store/));
    // Of an empty Redis, on which somebody began anew without that line.
    await redis.flushall();
    await applyWithSecret();
    const unnamed = join(folder, 'bootstrap-secret-unnamed');
    writeSecretFile(unnamed, readFileSync(secret, 'utf8').replace(`root ${root}`, ''));
    await (await start('other', unnamed)).end();
    await expect(start('third')).rejects.toEqual(refusal(/none of the roots/));
  });

  it('if the store lost the keys and the data folder knows that there was a CA', async () => {
    await applyWithSecret();
    await (await start('first')).end();
    await redis.flushall();
    rmSync(join(folder, 'first', 'state'), { recursive: true });
    await applyWithSecret();
    await expect(start('first')).rejects.toEqual(refusal(/are missing in the store/));
  });
});

describe('an installation that exists', () => {
  async function existing(): Promise<Started> {
    const data = join(folder, 'first');
    mkdirSync(data, { mode: 0o700 });
    await applyMesh(sealKey(join(data, 'seal.key')));
    return startWithout('first');
  }

  it('is moved at the first start with the secret, which says so; a copy of its folder follows', async () => {
    const was = await existing();
    await was.end();
    execFileSync('cp', ['-a', join(folder, 'first'), join(folder, 'copy')]);
    rmSync(secret);
    writeSecretFile(secret, newBootstrapSecret(sealKey(join(folder, 'first', 'seal.key'))).reveal());
    const now = await start('first');
    expect(now).toMatchObject({ root: was.root, issuer: was.issuer });
    expect(logged.join('\n')).toContain("the CA's keys were moved into the store, encrypted");
    expect(logged.join('\n')).toContain('not used any more');
    expect(filesOf('first')).toEqual(['bundle.pem', 'moved', 'trust-bundle.json']);
    expect(readdirSync(join(folder, 'first/ca/moved')).sort()).toEqual(['issuers', 'root']);
    expect(await start('copy')).toMatchObject({ root: was.root, issuer: was.issuer });
    expect(filesOf('copy')).toEqual(['bundle.pem', 'moved', 'trust-bundle.json']);
    expect(await start('fresh')).toMatchObject({ root: was.root, issuer: was.issuer });
    await now.end();
    expect(await start('first')).toMatchObject({ root: was.root, issuer: was.issuer });
  });

  it('is refused with a secret that was not made from its seal.key, and stays as it is', async () => {
    const was = await existing();
    await was.end();
    await expect(start('first')).rejects.toMatchObject({
      code: 'failed_precondition',
      message: expect.stringContaining('another key'),
      hint: expect.stringContaining('--from-data'),
    });
    expect((await startWithout('first')).root).toBe(was.root);
  });
});

it('a renewed secret encrypts from the next start on; the old one is of no use then', async () => {
  await applyWithSecret();
  const first = await start('first');
  const old = join(folder, 'bootstrap-secret-old');
  cpSync(secret, old);
  writeSecretFile(secret, renewedBootstrapSecret(secret).reveal());
  const second = await start('second');
  expect(second.root).toBe(first.root);
  expect(logged.join('\n')).toContain('encrypted with the new bootstrap secret');
  await expect(start('third', old)).rejects.toThrow('another bootstrap secret');
  const lines = readFileSync(secret, 'utf8').split('\n');
  const secrets = lines.filter((line) => line.startsWith('secret '));
  expect(secrets).toHaveLength(2);
  writeFileSync(secret, lines.filter((line) => line !== secrets[1]).join('\n'));
  expect((await start('fourth')).root).toBe(first.root);
});

describe('with a directory of documents', () => {
  it('the keys are encrypted in state/, and no file has one in the clear', async () => {
    mkdirSync(join(folder, 'documents'));
    writeFileSync(join(folder, 'documents', 'all.yaml'), mesh);
    const directory = directoryOf(join(folder, 'documents'));
    const first = await start('data', secret, directory);
    await first.end();
    expect(filesOf('data')).toEqual(['bundle.pem', 'trust-bundle.json']);
    expect(await start('data', secret, directory)).toMatchObject({ root: first.root, issuer: first.issuer });
    for (const lifecycle of running) await lifecycle.close();
    await expect(startWithout('data', directory)).rejects.toThrow('encrypted with a bootstrap secret');
    const wrong = join(folder, 'bootstrap-secret-wrong');
    writeSecretFile(wrong, newBootstrapSecret().reveal());
    await expect(start('data', wrong, directory)).rejects.toThrow('another key');
    rmSync(join(folder, 'data', 'state'), { recursive: true });
    await expect(start('data', secret, directory)).rejects.toThrow('are missing in the store');
  });

  it('is not possible where nothing outlives the process', async () => {
    mkdirSync(join(folder, 'documents'));
    writeFileSync(join(folder, 'documents', 'all.yaml'), mesh);
    const store = { kind: 'memory', options: { documents: new Redacted(join(folder, 'documents')) } };
    await expect(start('data', secret, store)).rejects.toMatchObject({ code: 'invalid_argument' });
  });
});

function startWithout(name: string, store?: ServeOptions['store']): Promise<Started> {
  return start(name, null, store);
}
