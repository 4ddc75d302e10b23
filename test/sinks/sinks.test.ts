// Every kind of sink: a file, stdout, a Redis stream, a collector of OpenTelemetry logs, a webhook.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseRecord } from '../../src/audit/audit-record.ts';
import { verifyTrail } from '../../src/audit/verify-trail.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { createSink } from '../../src/sinks/catalog.ts';
import { createFileSink, createStdoutSink } from '../../src/sinks/kinds/file.ts';
import { serverAt } from '../../src/store/redis/connection.ts';
import { createRedisLink } from '../../src/store/redis/link.ts';
import { heardLog } from '../support/heard-log.ts';
import { startValkey, type Valkey } from '../support/valkey.ts';
import { chainOf, sinkContract } from './sink-contract.ts';

let folder: string;
let valkey: Valkey;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-sink-'));
  valkey = await startValkey(['--maxmemory-policy', 'noeviction']);
}, 60_000);
afterAll(async () => {
  await valkey.stop();
  rmSync(folder, { recursive: true, force: true });
});

const deps = { id: 'log-1', log: silentLog };
const lines = (file: string) => readFileSync(file, 'utf8').trimEnd().split('\n');

sinkContract('file', async () => {
  const path = join(folder, 'copy.jsonl');
  return {
    sink: await createSink({ kind: 'file', path }, deps),
    arrived: async () => lines(path),
    once: true,
    async away() {
      renameSync(path, `${path}.aside`);
      mkdirSync(path);
      return async () => {
        rmSync(path, { recursive: true });
        renameSync(`${path}.aside`, path);
      };
    },
    close: async () => {},
  };
});

sinkContract('stdout', async () => {
  const written: string[] = [];
  let dropped = 0;
  let isRead = true;
  const output = {
    write(text: string) {
      if (isRead) written.push(text);
      else dropped += 1;
    },
    dropped: () => dropped,
  };
  return {
    sink: createStdoutSink(output),
    arrived: async () => written.join('').trimEnd().split('\n'),
    once: false,
    async away() {
      isRead = false;
      return async () => {
        isRead = true;
      };
    },
    close: async () => {},
  };
});

sinkContract('redis', async () => {
  const urlFile = join(folder, 'redis-url');
  writeFileSync(urlFile, `${valkey.url}\n`);
  const link = createRedisLink({
    connection: serverAt(new Redacted(valkey.url)),
    log: silentLog,
    commandTimeoutMs: 1000,
  });
  const stream = 'cellwall:audit:log-1';
  return {
    sink: await createSink({ kind: 'redis', urlFile, stream: 'cellwall:audit', maxLength: 100_000 }, deps),
    async arrived() {
      const entries = await link.command('XRANGE', stream, '-', '+');
      if (!Array.isArray(entries)) throw new Error('no stream');
      return entries.map((entry: unknown) => String(Array.isArray(entry) ? entry[1][5] : ''));
    },
    once: true,
    async away() {
      await link.command('CONFIG', 'SET', 'maxmemory', '1');
      return async () => void (await link.command('CONFIG', 'SET', 'maxmemory', '0'));
    },
    close: async () => link.close(),
  };
});

interface Post {
  readonly headers: IncomingMessage['headers'];
  readonly url: string | undefined;
  readonly body: ReturnType<typeof JSON.parse>;
}
/** A server that takes JSON. */
async function collector() {
  const posts: Post[] = [];
  let status = 200;
  let answer = '{}';
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { headers, url } = request;
      if (status === 200) posts.push({ headers, url, body: JSON.parse(Buffer.concat(chunks).toString()) });
      response.writeHead(status).end(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    posts,
    url: `http://127.0.0.1:${address.port}`,
    answers(text: string) {
      answer = text;
    },
    async away() {
      status = 503;
      return async () => {
        status = 200;
      };
    },
    close: () => new Promise<void>((resolve) => void server.close(() => resolve())),
  };
}

sinkContract('webhook', async () => {
  const { url, posts, away, close } = await collector();
  const tokenFile = join(folder, 'token');
  writeFileSync(tokenFile, 'a-token-of-the-webhook\n');
  return {
    sink: await createSink({ kind: 'webhook', url, tokenFile }, deps),
    async arrived() {
      expect(posts[0]?.headers).toMatchObject({
        authorization: 'Bearer a-token-of-the-webhook',
        'content-type': 'application/json',
      });
      expect(new Set(posts.map(({ body }) => body.log))).toEqual(new Set(['log-1']));
      return posts.flatMap(({ body }) => body.records.map((record: object) => JSON.stringify(record)));
    },
    ...{ once: false, away, close },
  };
});

sinkContract('otlp', async () => {
  const { url, posts, away, close } = await collector();
  return {
    sink: await createSink({ kind: 'otlp', url: `${url}/` }, deps),
    async arrived() {
      expect(new Set(posts.map((post) => post.url))).toEqual(new Set(['/v1/logs']));
      const all = posts.flatMap(({ body }) => body.resourceLogs);
      expect(all[0].resource.attributes).toContainEqual({ key: 'service.name', value: { stringValue: 'cellwall' } });
      const logs = all.flatMap((one) => one.scopeLogs[0].logRecords);
      expect(logs[0]).toMatchObject({
        timeUnixNano: `${Date.parse('2026-01-01T00:00:00.123Z')}000000`,
        severityText: 'INFO',
        eventName: 'cellwall.audit.admin-token-revoked',
      });
      expect(logs[0].attributes).toContainEqual({ key: 'cellwall.audit.number', value: { intValue: '1' } });
      return logs.map(({ body }) => body.stringValue);
    },
    ...{ once: false, away, close },
  };
});

it('a copy in a file is verified like the log, and half a line that a crash left is put right', async () => {
  const path = join(folder, 'verified.jsonl');
  const chain = chainOf(6);
  const sink = createFileSink({ path });
  const { signal } = new AbortController();
  await sink.send(chain.slice(0, 4), signal);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, text.slice(0, -20));
  await sink.send(chain.slice(2), signal);
  expect(lines(path)).toEqual(chain.map(({ line }) => line));
  expect(await verifyTrail({ files: [path] })).toMatchObject({ intact: true, records: 6 });
});

it.each([1, 5, 12, 40])('half a line of %s characters that a crash left is put right', async (length) => {
  const path = join(folder, `half-${length}.jsonl`);
  const chain = chainOf(2);
  writeFileSync(path, `${chain[0]?.line}\n${chain[1]?.line.slice(0, length)}`);
  await createFileSink({ path }).send(chain, new AbortController().signal);
  expect(lines(path)).toEqual(chain.map(({ line }) => line));
});

it('what somebody else wrote into a file stays, also without a newline at its end; zeros of a lost disk do not', async () => {
  const path = join(folder, 'of-somebody');
  const { signal } = new AbortController();
  writeFileSync(path, 'one\ntwo');
  await expect(createFileSink({ path }).send(chainOf(1), signal)).rejects.toThrow(/ends with something else/);
  expect(readFileSync(path, 'utf8')).toBe('one\ntwo');
  writeFileSync(path, 'one\n');
  await createFileSink({ path }).send(chainOf(1), signal);
  expect(lines(path)).toEqual(['one', ...chainOf(1).map(({ line }) => line)]);
  writeFileSync(path, '\0\0\0');
  await createFileSink({ path }).send(chainOf(1), signal);
  expect(lines(path)).toEqual(chainOf(1).map(({ line }) => line));
});

it('what a collector rejects is logged, and not sent again', async () => {
  const { url, answers, close } = await collector();
  const heard: string[] = [];
  const log = heardLog({ error: (fields) => void heard.push(JSON.stringify(fields)) });
  const sink = await createSink({ kind: 'otlp', url }, { id: 'log-1', log });
  answers('{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"too old"}}');
  await sink.send(chainOf(4), new AbortController().signal);
  expect(heard).toEqual(['{"rejected":3,"reason":"too old"}']);
  for (const junk of ['', 'x', 'null', '[]', '{"partialSuccess":7}']) {
    answers(junk);
    await sink.send(chainOf(1), new AbortController().signal);
  }
  expect(heard).toHaveLength(1);
  await close();
});

it('records that somebody else wrote into the log hold none of the others up', async () => {
  const { url, posts, close } = await collector();
  const sink = await createSink({ kind: 'otlp', url }, deps);
  const [own] = chainOf(1);
  const forged = [
    { time: 'x' },
    { time: '+275760-09-13T00:00:00.000Z' },
    { time: '-000001-01-01T00:00:00.000Z' },
    { event: { kind: 'k', author: {} } },
    { event: { kind: 'k', author: null } },
  ].flatMap((part) => parseRecord(JSON.stringify({ ...own?.record, ...part })) ?? []);
  expect(forged).toHaveLength(5);
  const records = forged.map((record) => ({ record, line: JSON.stringify(record) }));
  await sink.send([...records, ...chainOf(1)], new AbortController().signal);
  const logs = posts.flatMap(({ body }) => body.resourceLogs[0].scopeLogs[0].logRecords);
  expect(logs).toHaveLength(6);
  for (const { timeUnixNano, attributes } of logs) {
    // A fixed64 (protobuf's JSON), and attributes that are texts or numbers.
    expect(timeUnixNano).toMatch(/^\d{1,20}$/);
    expect(BigInt(timeUnixNano)).toBeLessThan(2n ** 64n);
    for (const { value } of attributes) expect(Object.values(value)).toEqual([expect.any(String)]);
  }
  await close();
});

it.each([
  ['/', '/v1/logs'],
  ['/v1/logs', '/v1/logs'],
  ['/otlp/v1/logs/', '/otlp/v1/logs'],
  ['/otlp/?tenant=7', '/otlp/v1/logs?tenant=7'],
])('a collector at %s is sent logs at %s', async (given, at) => {
  const { url, posts, close } = await collector();
  const sink = await createSink({ kind: 'otlp', url: `${url}${given}` }, deps);
  await sink.send(chainOf(1), new AbortController().signal);
  expect(posts.map((post) => post.url)).toEqual([at]);
  await close();
});

it.each(['otlp', 'webhook'] as const)('a sink %s gives up once nobody waits for it', async (kind) => {
  const server = createServer(() => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const sink = await createSink({ kind, url: `http://127.0.0.1:${address.port}` }, deps);
  const stop = new AbortController();
  const began = performance.now();
  const sending = sink.send(chainOf(1), stop.signal);
  stop.abort();
  await expect(sending).rejects.toThrow();
  expect(performance.now() - began).toBeLessThan(5000);
  server.closeAllConnections();
  server.close();
});

it('what is no file is refused at once: a pipe that nobody reads, a folder', async () => {
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const { signal } = new AbortController();
  for (const path of [pipe, folder]) {
    await expect(createFileSink({ path }).send(chainOf(1), signal)).rejects.toThrow(/not a file|directory/);
  }
});

it('neither an address, which may have a key in its path, nor a token is in what a failure says', async () => {
  const tokenFile = join(folder, 'token-of-a-failure');
  writeFileSync(tokenFile, 'the-token');
  for (const kind of ['webhook', 'otlp'] as const) {
    const sink = await createSink({ kind, url: 'http://127.0.0.1:9/the-key?key=the-key', tokenFile }, deps);
    const failing = sink.send(chainOf(1), new AbortController().signal);
    await expect(failing).rejects.toThrow(/at http:\/\/127.0.0.1:9: /);
    await expect(failing).rejects.not.toThrow(/the-key|the-token/);
  }
});

it('an address of Redis that is none is refused without quoting it', async () => {
  const urlFile = join(folder, 'bad-url');
  writeFileSync(urlFile, 'http://user:the-password@host');
  const opening = createSink({ kind: 'redis', urlFile, stream: 's', maxLength: 1000 }, deps);
  await expect(opening).rejects.toThrow(/bad-url/);
  await expect(opening).rejects.not.toThrow(/the-password/);
});
