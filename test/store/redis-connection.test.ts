// Where Redis is, as options say it: what is meant, what is refused, and that no password is shown.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CellwallError } from '../../src/lib/errors.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { readConnection } from '../../src/store/redis/connection.ts';
import { refuseTooLarge } from '../../src/store/redis/write-state.ts';
import { cellYaml, parsed } from '../support/documents.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-redis-connection-'));
  writeFileSync(join(folder, 'password'), 's3cret\n');
  writeFileSync(join(folder, 'empty'), '\n');
});
afterAll(() => rmSync(folder, { recursive: true }));

const url = 'redis://h:6379';

function read(values: Readonly<Record<string, string>>) {
  const all = Object.entries(values).map(([name, value]) => [name, new Redacted(value.replace('FOLDER', folder))]);
  return readConnection(Object.fromEntries(all));
}

function refusal(values: Readonly<Record<string, string>>): CellwallError {
  try {
    read(values);
  } catch (reason) {
    if (reason instanceof CellwallError) return reason;
    throw reason;
  }
  throw new Error('it is not refused');
}

describe('options of the Redis store', () => {
  it.each([
    [{ url: 'http://h' }, /address of Redis/],
    [{ url: '' }, /address of Redis/],
    [{ url: 'redis://:s3cret@' }, /address of Redis/],
    [{ url: 'redis://:s3cret/x@h' }, /address of Redis/],
    [{ url: 'redis://:s3cret@h:99999' }, /address of Redis/],
    [{ url: 'redis://:s3cret%@h' }, /address of Redis/],
    [{ url: 'redis://:s3cret@h/name' }, /address of Redis/],
    [{ url: 'redis://h?password=s3cret' }, /address of Redis/],
    [{ url, prefix: '' }, /prefix/],
    [{ url, prefix: 'a b' }, /prefix/],
    [{ url, prefix: 'a*' }, /prefix/],
    [{ url, prefix: 'x'.repeat(65) }, /prefix/],
    [{ url, 'cluster-nodes': 'h:1', prefix: 'plain' }, /hash tag/],
    [{ url, 'cluster-nodes': 'h:1', prefix: '{}a' }, /hash tag/],
    [{ url: 'redis://h/2', 'cluster-nodes': 'h:1' }, /database 0/],
    [{ url, sentinels: 'h:1', 'cluster-nodes': 'h:1' }, /not both/],
    [{ url, sentinels: 'h' }, /not host:port/],
    [{ url, sentinels: 'h:1,' }, /not host:port/],
    [{ url, sentinels: 'h:99999' }, /not host:port/],
    [{ url, 'cluster-nodes': 'h:0' }, /not host:port/],
    [{ url, 'sentinel-username': 'u' }, /no sentinels/],
    [{ url: 'redis://u:s3cret@h', username: 'v' }, /user already/],
    [{ url: 'redis://u:s3cret@h', 'password-file': 'FOLDER/password' }, /password already/],
    [{ url, 'password-file': 'FOLDER/nothing' }, /cannot read .*nothing/],
    [{ url, 'password-file': 'FOLDER/empty' }, /no password in/],
    [{ url, 'tls-name': 'n' }, /without TLS/],
    [{ url, 'tls-ca-file': 'FOLDER/password' }, /without TLS/],
    [{ url: 'rediss://h', 'tls-cert-file': 'FOLDER/password' }, /belong together/],
    [{ url: 'rediss://h', 'tls-ca-file': 'FOLDER/nothing' }, /cannot read/],
  ])('%j are refused', (values, message) => {
    const error = refusal(values);
    expect(error).toMatchObject({ code: 'invalid_argument', message: expect.stringMatching(message) });
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('s3cret');
  });

  it('say where it is', () => {
    expect(read({ url })).toEqual({
      connection: { login: {}, target: { kind: 'server', db: 0, host: 'h', port: 6379 } },
      prefix: 'cellwall',
    });
    expect(read({ url: 'redis://[::1]/2' }).connection.target).toEqual({
      kind: 'server',
      db: 2,
      host: '::1',
      port: 6379,
    });
    expect(read({ url, 'cluster-nodes': '[::1]:7, b:8' })).toMatchObject({
      connection: {
        target: {
          kind: 'cluster',
          nodes: [
            { host: 'h', port: 6379 },
            { host: '::1', port: 7 },
            { host: 'b', port: 8 },
          ],
        },
      },
      prefix: '{cellwall}',
    });
    const named = read({ url: 'redis://my.primary/1', sentinels: 'a:1', 'sentinel-password-file': 'FOLDER/password' });
    expect(named.connection.target).toMatchObject({
      kind: 'sentinel',
      db: 1,
      name: 'my.primary',
      sentinels: [{ host: 'a' }],
    });
    expect(inspect(named, { depth: 10, showHidden: true })).not.toContain('s3cret');
    expect(JSON.stringify(named)).not.toContain('s3cret');
  });

  it('take any user and password, in the address or beside it', () => {
    const text = fc.string({ unit: 'binary', minLength: 1 }).filter((value) => value.isWellFormed());
    fc.assert(
      fc.property(text, text, (user, password) => {
        const { login } = read({
          url: `redis://${encodeURIComponent(user)}:${encodeURIComponent(password)}@h`,
        }).connection;
        expect([login.username, login.password?.reveal()]).toEqual([user, password]);
      }),
    );
    const { login } = read({ url, username: 'me', 'password-file': 'FOLDER/password' }).connection;
    expect([login.username, login.password?.reveal()]).toEqual(['me', 's3cret']);
  });
});

it('the ACL of docs/redis.md allows the commands that are used, and no other', () => {
  const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
  const sources = readdirSync(at('src/store/redis')).map((file) => readFileSync(at(`src/store/redis/${file}`), 'utf8'));
  const used = sources.flatMap((source) => [
    ...[...source.matchAll(/redis\.p?call\('([A-Z]+)'/g)].map(([, name = '']) => name.toLowerCase()),
    ...[...source.matchAll(/(?:command|call)\('([A-Z]+)'/g)].map(([, name = '']) => name.toLowerCase()),
  ]);
  const line = readFileSync(at('docs/redis.md'), 'utf8')
    .split('\n')
    .find((text) => text.startsWith('user cellwall on '));
  const allowed = [...(line ?? '').matchAll(/ \+(\S+)/g)].map(([, name = '']) => name);
  // ioredis: to be told of changes, to be ready, for a database, for a Cluster and its replicas.
  const ofClient = ['subscribe', 'info', 'select', 'cluster|slots', 'cluster|info', 'readonly'];
  expect(allowed.toSorted()).toEqual([...new Set([...used, ...ofClient])].toSorted());
});

it('more than can be read again is not written', () => {
  const [document] = parsed(cellYaml('a', 1));
  if (document === undefined) throw new Error('no document');
  const of = (documents: readonly (typeof document)[]) => () =>
    refuseTooLarge({ revision: 1, documents, problems: [] });
  expect(of(Array.from({ length: 10_000 }, () => document))).not.toThrow();
  expect(of(Array.from({ length: 10_001 }, () => document))).toThrow(/too many/);
  expect(of([{ ...document, text: 'x'.repeat(64 * 1024 * 1024) }])).toThrow(/too many/);
});
