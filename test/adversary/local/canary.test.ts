// Every key and token of a real control plane and a real sidecar, looked for in everything that they write for people and machines:
// logs at their most talkative, answers, metrics, Envoy's own pages, failures. A scan that found nothing to scan would fail.
import { createHash, createPrivateKey } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { connect } from 'node:net';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { run, start } from '../../qualification/support/command.ts';
import { eventually } from '../../support/eventually.ts';
import { figure } from '../../support/figure.ts';
import { freePorts } from '../../support/free-ports.ts';
import { meshText, policyText, serviceText, yaml } from '../../support/resolve-text.ts';
import { projectRoot } from '../../support/source-files.ts';
import { shortFolder } from './false-server.ts';

const folder = shortFolder();
const data = join(folder.path, 'd');
const sidecarData = join(folder.path, 's');
const tokenFile = join(folder.path, 'join.token');
const bin = join(projectRoot, 'bin/cellwall.cjs');
const outputs = new Map<string, string>();
const closing: (() => Promise<void> | void)[] = [];
/** What must be nowhere: each in a word, and as it stands. */
const secrets = new Map<string, string>();

const get = (options: object): Promise<string> =>
  new Promise((resolve, reject) => {
    request({ ...options, agent: false }, (response) => {
      let text = `${response.statusCode} ${JSON.stringify(response.headers)}\n`;
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve(text));
    })
      .on('error', reject)
      .end();
  });

/** Lines of PEM, and single-line secrets, of every file that only its owner may read. */
function collect(where: string): void {
  for (const file of readdirSync(where)) {
    const path = join(where, file);
    const name = relative(folder.path, path);
    const stat = statSync(path);
    if (stat.isDirectory()) collect(path);
    if (!stat.isFile() || stat.size > 100_000) continue;
    const text = readFileSync(path, 'latin1');
    const key = /-----BEGIN [A-Z ]*PRIVATE KEY-----\s+([\s\S]+?)-----END/.exec(text)?.[1];
    // The middle of a key: its beginning says which kind it is, and is the same in all.
    if (key !== undefined) {
      secrets.set(`key in ${name}`, key.replaceAll(/\s/g, '').slice(60, 100));
      // And what it is at the bottom, however it is encoded.
      const { d } = createPrivateKey(text).export({ format: 'jwk' });
      if (d !== undefined) secrets.set(`private scalar in ${name}`, Buffer.from(d, 'base64url').toString('latin1'));
    } else if (/\.(token|key)$/.test(name)) secrets.set(`content of ${name}`, text.trim());
  }
}

/** As it stands, and as a program may have written it. */
function findIn(text: string, secret: string): boolean {
  const bytes = Buffer.from(secret, 'latin1');
  const forms = [
    secret,
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('base64url'),
    bytes.toString('hex'),
    JSON.stringify(secret).slice(1, -1),
  ];
  const flat = text.replaceAll(/\\n|\s/g, '');
  return forms.some((form) => text.includes(form) || flat.includes(form));
}

beforeAll(async () => {
  const [xds = 0, identity = 0, admin = 0, listen = 0, outbound = 0] = await freePorts(5);
  const documents = join(folder.path, 'documents');
  mkdirSync(documents);
  const all = yaml(
    meshText(),
    serviceText('web', 'http1', `, dependsOn: [{service: api, listen: ${outbound}}]`),
    serviceText('api'),
    policyText('p', 'api', 'allow', '[{from: [{service: web}], to: [{path: {exact: /yes}}]}]'),
  );
  writeFileSync(join(documents, 'all.yaml'), all);
  const here = (port: number): string => `127.0.0.1:${port}`;
  const cellwall = async (name: string, ...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await run(process.execPath, [bin, ...args], {
      cwd: folder.path,
      timeoutMs: 60_000,
    });
    outputs.set(name, `${code}\n${stdout}\n${stderr}`);
    return stdout;
  };
  const serve = start(
    process.execPath,
    [
      ...[bin, 'serve', '--documents', documents, '--data', data, '--log-level', 'debug'],
      ...['--xds-listen', here(xds), '--identity-listen', here(identity), '--admin-listen', here(admin)],
    ],
    { cwd: folder.path },
  );
  closing.push(() => serve.stop());
  const socketPath = join(data, 'admin.sock');
  await eventually(
    'the control plane is ready',
    async () => {
      if (!existsSync(socketPath)) return undefined;
      return (await get({ socketPath, path: '/readyz' })).startsWith('200') || undefined;
    },
    40_000,
  );
  // The one output that is a secret: not looked at, but taken as one.
  const joinToken = (await cellwall('token create', 'token', 'create', '--service', 'api', '--data', data)).trim();
  outputs.delete('token create');
  secrets.set('join token', joinToken);
  writeFileSync(tokenFile, joinToken, { mode: 0o600 });
  const application = createServer((incoming, response) => response.end(JSON.stringify(incoming.headers)));
  await new Promise<void>((resolve) => application.listen(0, '127.0.0.1', resolve));
  closing.push(() => void application.close());
  const at = application.address();
  const flags = ['--identity-address', here(identity), '--xds-address', here(xds)];
  const sidecar = start(
    process.execPath,
    [
      ...[
        bin,
        'sidecar',
        '--service',
        'api',
        '--token-file',
        tokenFile,
        '--data',
        sidecarData,
        '--log-level',
        'debug',
        ...flags,
      ],
      ...['--app', String(typeof at === 'object' && at !== null ? at.port : 0), '--listen', here(listen)],
    ],
    { cwd: folder.path },
  );
  closing.push(() => sidecar.stop());
  await eventually(
    'the sidecar serves',
    async () => /\sconnected\s/.test(await cellwall('status', 'status', '--data', data)) || undefined,
    60_000,
  );

  const token = readFileSync(join(data, 'admin.token'), 'utf8').trim();
  const headers = { authorization: `Bearer ${token}` };
  const paths = JSON.parse((await get({ socketPath, path: '/openapi.json', headers })).replace(/^.*\n/, ''));
  for (const [path, methods] of Object.entries<object>(paths.paths)) {
    if (!('get' in methods)) continue;
    const asked = path.replace('{key}', 'Service/api').replace('/explain', '/explain?caller=web&target=api');
    outputs.set(`GET ${path}`, await get({ socketPath, path: asked, headers }));
  }
  await eventually(
    'Envoy tells its address',
    () => existsSync(join(sidecarData, 'admin-address')) || undefined,
    30_000,
  );
  const envoy = readFileSync(join(sidecarData, 'admin-address'), 'utf8').trim();
  for (const path of [
    '/config_dump',
    '/config_dump?include_eds',
    '/certs',
    '/stats',
    '/clusters',
    '/listeners',
    '/server_info',
    '/init_dump',
    '/memory',
  ]) {
    outputs.set(`Envoy ${path}`, await get({ socketPath: envoy, path }));
  }
  for (const [name, args] of [
    ['certs', ['certs', 'list']],
    ['audit', ['audit']],
    ['get', ['get']],
    ['history', ['history']],
    ['explain', ['explain', 'web', 'api', '--path', '/yes']],
  ] as const) {
    await cellwall(name, ...args, '--data', data, '-o', 'json');
  }
  // What goes wrong.
  await cellwall('a second serve', 'serve', '--documents', documents, '--data', data);
  await cellwall(
    'a spent token',
    'svid',
    'fetch',
    '--service',
    'api',
    '--token-file',
    tokenFile,
    '--dir',
    join(folder.path, 'x'),
    '--identity-address',
    here(identity),
  );
  await cellwall(
    'a token that is none',
    'svid',
    'fetch',
    '--service',
    'api',
    '--token',
    `${joinToken}x`,
    '--dir',
    join(folder.path, 'y'),
    '--identity-address',
    here(identity),
  );
  await cellwall('another control plane', 'status', '--admin-token', token, '--admin', here(identity));
  await cellwall('an admin token with more', 'status', '--admin-token', `${token}x`, '--admin', here(admin));
  // A secret where a document should be, for the control plane to complain of.
  writeFileSync(join(documents, 'stray.yaml'), token);
  await eventually(
    'it complains',
    async () =>
      (await cellwall('a stray secret', 'status', '--data', data, '-o', 'json')).includes('stray.yaml') || undefined,
    20_000,
  );
  for (const [name, port] of [
    ['admin', admin],
    ['identity', identity],
    ['xds', xds],
    ['inbound', listen],
  ] as const) {
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(port, '127.0.0.1', () =>
        socket.end(`GET /v1/${token} HTTP/1.1\r\nhost: x\r\nx: \0\r\n\r\n`),
      );
      let text = 'answered: ';
      socket.on('data', (chunk) => {
        text += chunk;
      });
      socket.on('error', () => {}).on('close', () => resolve(text));
    });
    outputs.set(`nonsense to ${name}`, answer);
  }
  collect(data);
  collect(sidecarData);
  await sidecar.stop();
  await serve.stop();
  outputs.set('log of serve', serve.log());
  outputs.set('log of the sidecar and Envoy', sidecar.log());
  outputs.set('the audit log', readFileSync(join(data, 'audit.jsonl'), 'utf8'));
}, 180_000);

afterAll(async () => {
  for (const close of closing.reverse()) await close();
  folder.remove();
});

it('there is something to look for, and a look finds it', () => {
  const names = [...secrets.keys()];
  for (const needed of ['admin.token', 'seal.key', 'd/ca/', 's/node-key', 'private scalar', 'join token']) {
    expect(
      names.filter((name) => name.includes(needed)),
      names.join(', '),
    ).not.toEqual([]);
  }
  for (const [name, secret] of secrets) {
    expect(secret.length, name).toBeGreaterThan(15);
    for (const form of [
      secret,
      Buffer.from(secret, 'latin1').toString('base64'),
      Buffer.from(secret, 'latin1').toString('hex'),
    ]) {
      expect(findIn(`{"log":"${form}"}`, secret), name).toBe(true);
    }
    expect(findIn(createHash('sha256').update(secret).digest('hex'), secret), name).toBe(false);
  }
});

it('there is enough to look at', () => {
  const empty = [...outputs].filter(([, text]) => text.trim().length < 3).map(([name]) => name);
  expect(empty).toEqual([]);
  expect(outputs.size).toBeGreaterThan(35);
  expect(outputs.get('log of serve')?.length).toBeGreaterThan(500);
  expect(outputs.get('log of the sidecar and Envoy')?.length).toBeGreaterThan(500);
  expect(outputs.get('Envoy /config_dump')).toContain('inbound');
});

it('no key and no token is anywhere', () => {
  const found = [...outputs].flatMap(([where, text]) =>
    [...secrets].filter(([, secret]) => findIn(text, secret)).map(([what]) => `${what} in ${where}`),
  );
  expect(found).toEqual([]);
  const blocks = [...outputs].filter(([, text]) => /-----BEGIN [A-Z ]*PRIVATE KEY/.test(text)).map(([where]) => where);
  expect(blocks).toEqual([]);
  figure('secrets', secrets.size);
  figure('outputsScanned', outputs.size);
  figure(
    'bytesScanned',
    [...outputs.values()].reduce((sum, { length }) => sum + length, 0),
  );
  figure('secretsFound', found.length);
});
