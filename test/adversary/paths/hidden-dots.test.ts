// What only the server behind the wall sees in a path: a real file server (Python's) decodes "%2f" before it resolves dot segments and
// opens a file.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { explain } from '../../../src/policy/decide/explain.ts';
import { hasHiddenDots } from '../../../src/policy/decide/path.ts';
import type { MeshIr, ServiceKey } from '../../../src/policy/ir.ts';
import { figure, qualifying } from '../../support/figure.ts';
import { meshOf, meshText, policyText, serviceText, yaml } from '../../support/resolve-text.ts';
import { createTestCa } from '../../support/test-ca.ts';
import { startTranslatedProxy, type TranslatedProxy } from '../../support/translated-proxy.ts';

const secret = 'for nobody outside';
const files = 'files' as ServiceKey;
let folder: string;
let python: ChildProcess;
let applicationPort: number;
const walls = new Map<
  'reject' | 'keep',
  { readonly mesh: MeshIr; readonly proxy: TranslatedProxy; readonly port: number }
>();

function meshWith(slashes: 'reject' | 'keep'): MeshIr {
  const who = 'from: [{anonymous: true}]';
  return meshOf(
    yaml(
      meshText('permissive'),
      serviceText('files', 'http1', `, paths: {escapedSlashes: ${slashes}}`),
      policyText('allow', 'files', 'allow', `[{${who}, to: [{path: {prefix: /public}}]}]`),
      policyText(
        'deny',
        'files',
        'deny',
        `[{${who}, to: [{path: {prefix: /private}}, {path: {prefix: /public/secret}}, {path: {exact: ` +
          '"/public/a+b"}}, {path: {template: "/public/{id}/notes"}}]}]',
      ),
    ),
  );
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-files-'));
  for (const name of ['public', 'private']) mkdirSync(join(folder, name));
  writeFileSync(join(folder, 'public', 'open.txt'), 'open');
  writeFileSync(join(folder, 'public', '..x'), 'a name');
  writeFileSync(join(folder, 'private', 'secret.txt'), secret);
  for (const name of ['secret', '7']) mkdirSync(join(folder, 'public', name));
  for (const name of ['secret/x', '7/notes', 'a+b']) writeFileSync(join(folder, 'public', name), secret);
  const script = [
    'import functools, http.server',
    `handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=${JSON.stringify(folder)})`,
    'server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)',
    'print(server.server_address[1], flush=True)',
    'server.serve_forever()',
  ].join('\n');
  python = spawn('python3', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  applicationPort = await new Promise<number>((resolve, reject) => {
    python.once('error', reject);
    python.stdout?.once('data', (text: Buffer) => resolve(Number(text.toString().trim())));
  });
  const ca = await createTestCa();
  for (const slashes of ['reject', 'keep'] as const) {
    const mesh = meshWith(slashes);
    const service = mesh.services.get(files);
    if (service === undefined) throw new Error('no service');
    const proxy = await startTranslatedProxy(
      { mesh, endpoints: new Map(), bundles: { roots: ca.root, legacyAnchors: new Map() } },
      {
        spiffeId: service.spiffeId,
        service: files,
        ports: [
          {
            name: 'default',
            inbound: { address: '127.0.0.1', port: 0 },
            application: { address: '127.0.0.1', port: applicationPort },
          },
        ],
      },
      await ca.issue({ uri: service.spiffeId }),
    );
    const port = await proxy.envoy.port('inbound');
    walls.set(slashes, { mesh, proxy, port });
    await vi.waitFor(async () => expect(await get(port, '/public/open.txt')).toMatchObject({ status: 200 }), {
      timeout: 10_000,
    });
  }
});

afterAll(async () => {
  for (const { proxy } of walls.values()) await proxy.stop();
  python.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

interface Got {
  readonly status: number;
  readonly body: string;
}

/** With the bytes of the path as they are. */
function get(port: number, path: string): Promise<Got> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect({ host: '127.0.0.1', port });
    const done = (): void => {
      socket.destroy();
      const body = text.slice(text.indexOf('\r\n\r\n') + 4);
      resolve({ status: Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1] ?? 0), body });
    };
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      const head = text.indexOf('\r\n\r\n');
      const length = /^content-length: (\d+)\r$/im.exec(text.slice(0, head + 2))?.[1];
      // Envoy takes its time to close.
      if (head !== -1 && length !== undefined && text.length >= head + 4 + Number(length)) done();
    });
    socket.on('error', done).on('end', done);
    socket.write(`GET ${path} HTTP/1.1\r\nhost: files\r\nconnection: close\r\n\r\n`, 'latin1');
  });
}

/** Through both walls: what came back, and whether the wall let it pass as `explain` says. */
async function expectKept(path: string): Promise<void> {
  for (const [slashes, { mesh, port }] of walls) {
    const { status, body } = await get(port, path);
    const caller = { kind: 'anonymous', via: 'plaintext' } as const;
    const { outcome } = explain(mesh, { target: files, caller, path }).decision;
    // Python answers 200, 301, 404 and the like; the wall 400 and 403.
    const passed = status !== 403 && status !== 400;
    expect({ slashes, path, passed, secret: body.includes(secret) }).toEqual({
      slashes,
      path,
      passed: outcome === 'allowed',
      secret: false,
    });
  }
}

const climbs = [
  '..%2f',
  '%2e%2e%2f',
  '..%2F',
  '.%2e%2f',
  '%2f..%2f',
  '.%2f..%2f',
  'x%2f..%2f..%2f',
  'x/..%2f..%2f',
  '..%2f.%2f',
  '..%2f/',
];

describe('a deny rule in a wider allow', () => {
  test.each([
    '/public/secret%2fx',
    '/public/secret%2Fx',
    '/public%2fsecret/x',
    '/public%2Fsecret%2fx',
    '/public%2f/secret/x',
    '/public/%2f%2Fsecret/%2fx',
    '/public/%73ecret%2fx',
    '/public/a%2bb',
    '/public/a%2Bb',
    '/public%2fa+b',
    '/public/7%2fnotes',
    '/public%2f7%2fnotes',
    '/public/7/%2fnotes',
  ])('%s, which the file server reads as a denied path', async (path) => {
    expect(await get(applicationPort, path)).toEqual({ status: 200, body: secret });
    await expectKept(path);
  });

  test.each([
    '/public/secret%5cx',
    '/public%5Csecret',
    '/public/secret\\x',
    '/public/%255csecret',
    '/public/secret%252fx',
    '/public%25252Fsecret',
    '/public/%2573ecret/x',
    '/public/%25%37%33ecret/x',
    '/public/%%37%33ecret/x',
    '/public/secret%2f',
    '/public/secret%3f',
    '/public/7/notes%3fx',
    '/public/7/notes%23x',
    '/public/7%5cnotes%5c',
    '/public/7/notes/',
    '/public/a+b/',
    '/public/a%252bb',
    '/private%5cx',
    '/private%2f%5Cx',
  ])('%s, which other servers read so', async (path) => {
    await expectKept(path);
    const caller = { kind: 'anonymous', via: 'plaintext' } as const;
    for (const { mesh } of walls.values()) {
      expect(explain(mesh, { target: files, caller, path }).decision.outcome).toBe('denied');
    }
  });

  test('what is beside it stays open, where the service keeps escaped slashes', async () => {
    const wall = walls.get('keep');
    for (const path of [
      '/public/secrets%2fx',
      '/public/x%2fsecret',
      '/public/a%20b',
      '/public/7%2fnotes%2fx',
      '/public/notes',
      '/public/a%2bbc',
      '/public/100%25',
    ]) {
      const { status } = await get(wall?.port ?? 0, path);
      expect({ path, passed: status !== 403 && status !== 400 }).toEqual({ path, passed: true });
    }
  });

  test('an allow rule never decodes', async () => {
    const caller = { kind: 'anonymous', via: 'plaintext' } as const;
    for (const { mesh, port } of walls.values()) {
      for (const path of ['/public%2fopen.txt', '/%2fpublic/open.txt', '/public%5copen.txt', '/publi%2563/open.txt']) {
        expect(explain(mesh, { target: files, caller, path }).decision.outcome).toBe('denied');
        expect([400, 403]).toContain((await get(port, path)).status);
      }
    }
  });

  test('whatever separators and escapes it is made of: nobody gets the file, and explain says what the wall does', {
    timeout: 120_000,
  }, async () => {
    const slash = fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom('/', '%2f', '%2F', '//', '/%2f', '%2f/') },
      { weight: 1, arbitrary: fc.constantFrom('\\', '%5c', '%252f', '%3f', '/./', '/x/') },
    );
    const spelled = (char: string): fc.Arbitrary<string> => {
      if (char === '/') return slash;
      const hex = char.charCodeAt(0).toString(16);
      return fc.oneof(
        { weight: 12, arbitrary: fc.constantFrom(char, char, `%${hex}`, `%${hex.toUpperCase()}`) },
        { weight: 1, arbitrary: fc.constantFrom(`%25${hex}`, `${char}x`) },
      );
    };
    const end = fc.oneof(
      { weight: 2, arbitrary: fc.constant('') },
      { weight: 1, arbitrary: fc.constantFrom('/', '%2f', '%5C', '%3fx', '%23', '%', '.', '%25') },
    );
    const path = fc
      .constantFrom('/secret/x', '/a+b', '/7/notes')
      .chain((target) => fc.tuple(...[...target].map(spelled), end))
      .map((parts) => `/public${parts.join('')}`);
    let served = 0;
    await fc.assert(
      fc.asyncProperty(path, async (one) => {
        if ((await get(applicationPort, one)).body.includes(secret)) served++;
        await expectKept(one);
      }),
      { numRuns: qualifying ? 5000 : 250 },
    );
    figure('deniedFilesServedWithoutTheWall', served);
    expect(served).toBeGreaterThan(5);
  });
});

describe('a path that climbs by an escaped slash', () => {
  test.each(climbs)('%s', async (climb) => {
    const path = `/public/${climb}private/secret.txt`;
    // The control: without the wall the file server hands it out.
    expect(await get(applicationPort, path)).toEqual({ status: 200, body: secret });
    await expectKept(path);
  });

  test.each([
    ...[
      '..%5c',
      '..%5C',
      '..\\',
      '%2e%2e%5c',
      'x%5c..%5c..%5c',
      '..%252f',
      '..%255c',
      '..%25252f',
      '%252e%252e/',
      '%252e%252e%252f',
    ],
    ...['..;/', '..;x%2f', '..%3b/', '..%253b/', '%252e%252e;/', '%2f..;/', '..%2f;/', 'x%2f../'],
  ])('%s, for servers that read backslashes, parameters or escaped escapes', async (climb) => {
    const path = `/public/${climb}private/secret.txt`;
    await expectKept(path);
    const caller = { kind: 'anonymous', via: 'plaintext' } as const;
    for (const { mesh } of walls.values()) {
      expect(explain(mesh, { target: files, caller, path }).decision.outcome).toBe('denied');
    }
  });

  test('names with dots and escaped slashes are none, where the service keeps them', async () => {
    const wall = walls.get('keep');
    for (const path of [
      '/public/..x',
      '/public/group%2fproject',
      '/public/a%2f.gitlab-ci.yml',
      '/public/x..%2fy',
      '/public/...%2fy',
      '/public/a%2f..b',
    ]) {
      const { status } = await get(wall?.port ?? 0, path);
      expect({ path, passed: status !== 403 && status !== 400 }).toEqual({ path, passed: true });
    }
  });

  test('whatever it is made of: nobody gets the secret, and explain says what the wall does', {
    timeout: 120_000,
  }, async () => {
    const slash = fc.constantFrom('/', '\\', '%2f', '%2F', '%5c', '%5C', '%252f', '%255C', '//');
    const dots = fc.constantFrom('..', '.', '%2e%2e', '.%2E', '%252e.', '...', '..;x', '..%3b', '.;', ';');
    const name = fc.constantFrom('public', 'private', 'secret.txt', 'x', '');
    const step = fc
      .tuple(fc.oneof({ weight: 3, arbitrary: dots }, { weight: 1, arbitrary: name }), slash)
      .map(([a, b]) => a + b);
    const path = fc
      .tuple(
        fc.array(step, { maxLength: 6 }),
        fc.constantFrom('', 'private/secret.txt', 'private%2fsecret.txt', '..', '.'),
      )
      .map(([steps, end]) => `/public/${steps.join('')}${end}`);
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(path, async (one) => {
        if (hasHiddenDots(one)) refused++;
        await expectKept(one);
      }),
      { numRuns: qualifying ? 5000 : 250 },
    );
    figure('hiddenDotPaths', refused);
    expect(refused).toBeGreaterThan(20);
  });
});
