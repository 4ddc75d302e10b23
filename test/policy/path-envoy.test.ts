// canonicalPath against the real Envoy: what it says is what a filter of Envoy's sees, for the corpus and for random paths.
import { connect, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { canonicalPath, type EscapedSlashes } from '../../src/policy/decide/path.ts';
import { type RunningEnvoy, startEnvoy } from '../support/start-envoy.ts';

let envoy: RunningEnvoy;
const sockets = new Map<EscapedSlashes, Socket>();

beforeAll(async () => {
  envoy = await startEnvoy({ static_resources: { listeners: [echoListener('reject'), echoListener('keep')] } });
});
afterAll(async () => {
  for (const socket of sockets.values()) socket.destroy();
  await envoy.stop();
});

/** Answers every request with the path that filters see. */
function echoListener(escapedSlashes: EscapedSlashes): object {
  return {
    name: escapedSlashes,
    address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
    filter_chains: [
      {
        filters: [
          {
            name: 'http',
            typed_config: {
              '@type':
                'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
              stat_prefix: 'echo',
              normalize_path: true,
              merge_slashes: true,
              path_with_escaped_slashes_action: escapedSlashes === 'reject' ? 'REJECT_REQUEST' : 'KEEP_UNCHANGED',
              stream_error_on_invalid_http_message: true,
              http_filters: [
                {
                  name: 'router',
                  typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
                },
              ],
              route_config: {
                virtual_hosts: [
                  {
                    name: 'all',
                    domains: ['*'],
                    routes: [
                      {
                        match: { prefix: '/' },
                        direct_response: { status: 200 },
                        response_headers_to_add: [{ header: { key: 'x-path', value: '%REQ(:PATH)%' } }],
                      },
                    ],
                  },
                ],
              },
            },
          },
        ],
      },
    ],
  };
}

/** The path as Envoy's filters saw it, or undefined when it refused the request before them. */
async function onTheWire(raw: string, escapedSlashes: EscapedSlashes): Promise<string | undefined> {
  let socket = sockets.get(escapedSlashes);
  if (socket === undefined || socket.destroyed || socket.readableEnded) {
    socket = connect(await envoy.port(escapedSlashes), '127.0.0.1').setNoDelay(true);
    sockets.set(escapedSlashes, socket);
  }
  const open = socket;
  const head = await new Promise<string>((resolve, reject) => {
    let text = '';
    const done = (): void => {
      open.off('data', onData);
      open.off('end', onEnd);
      open.off('error', reject);
      resolve(text);
    };
    const onEnd = (): void => {
      open.destroy();
      done();
    };
    const onData = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
      if (text.includes('\r\n\r\n')) done();
    };
    open.on('data', onData).on('end', onEnd).on('error', reject);
    open.write(Buffer.from(`GET ${raw} HTTP/1.1\r\nhost: a\r\n\r\n`, 'latin1'));
  });
  if (/^connection: close/im.test(head)) open.destroy();
  if (!head.startsWith('HTTP/1.1 200 ')) return undefined;
  return /^x-path: (.*)\r$/im.exec(head)?.[1] ?? '';
}

async function expectAgreement(raw: string, escapedSlashes: EscapedSlashes): Promise<void> {
  const ours = canonicalPath(raw, escapedSlashes);
  const text = ours.kind === 'rejected' ? undefined : ours.path + (ours.query === undefined ? '' : `?${ours.query}`);
  expect({ raw, escapedSlashes, path: text }).toEqual({
    raw,
    escapedSlashes,
    path: await onTheWire(raw, escapedSlashes),
  });
}

const corpus = [
  '/',
  '/admin',
  '//admin',
  '/./admin',
  '/%61dmin',
  '/admin%2fx',
  '/admin%2Fx',
  '/admin\\x',
  '/admin%5cx',
  '/admin%5C',
  '/admin;x',
  '/ADMIN',
  '/admin.',
  '/a/../admin',
  '/a/..',
  '/a/../',
  '/..',
  '/../..',
  '/a//../b',
  '/a/b/..//c',
  '/a/.',
  '/a/./',
  '/a/...',
  '/.a',
  '/..a',
  '/a..;/b',
  '/..;/admin',
  '/%2e%2e/admin',
  '/a/%2E./b',
  '/a/.%2e',
  '/%2e',
  '/a%2e',
  '/a?x=/../b',
  '/a?x=%2f',
  '/a?',
  '/?',
  '/a#b',
  '/a?x#b',
  '/%',
  '/%4',
  '/%zz',
  '/%%341',
  '/%%34%31',
  '/%%32f',
  '/%%30%30',
  '/%25',
  '/%252e',
  '/%00',
  '/a%00b',
  '/%7e',
  '/%41%2d%5f%2e',
  '/%20',
  '/a%3bb',
  '/a%3Bb',
  '/a|b',
  '/a{b}',
  '/a^b',
  '/a`b',
  '/a"b',
  '/a<b>',
  '/a[b]',
  "/a'b",
  '/a*b',
  '/a:b',
  '/a@b',
  '/a!b$c&d(e)',
  '/a~b',
  '/%c3%a9',
  '/%C3%A9',
  '/\u00e9',
  '/a\u0080',
  'admin',
  '*',
  '/a///b////c',
  '/a\\..\\b',
  '\\admin',
  '/\\admin',
  '/a%2f%2e%2e%2fb',
  '/a/%2f/b',
  '/%2F',
  '/a%5c..%5cb',
  '/a\x01b',
  '/a\x7fb',
  '/api/v4/projects/g%2Fp/jobs',
  '/%61%64%6d%69%6e',
  '/a;/../b',
  '/a/..;x=1/b',
  '/a\tb',
  '//',
  '///',
  '/a/..;',
  '/a/.;',
  '/a/%2e%2e;x/b',
  '/a/..%3b/b',
  '/a/.;/b',
  '/a/..;x%2e',
  '/a/...;/b',
  '/a/;../b',
  '/a/;/../b',
  '/a/..;;/b',
  '/a/%2e;/',
  '/a/..;%zz/b',
  '/a/..;?x',
  '/a/..?x',
  '/a/%2e%2e?x',
];

test.each(['reject', 'keep'] as const)('corpus, escaped slashes: %s', async (escapedSlashes) => {
  for (const raw of corpus) await expectAgreement(raw, escapedSlashes);
});

test.each(['reject', 'keep'] as const)('random paths, escaped slashes: %s', async (escapedSlashes) => {
  const piece = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.constantFrom(
        '/',
        '.',
        '..',
        '%',
        '%2',
        '%2e',
        '%2f',
        '%5c',
        '\\',
        ';',
        ';',
        '..;',
        '.;',
        '?',
        '%41',
        '4',
        '1',
        'f',
        'e',
        '%25',
        '%32',
        '%66',
      ),
    },
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        'a',
        'B',
        '_',
        '~',
        '|',
        '{',
        '"',
        '<',
        '^',
        '`',
        '[',
        '*',
        '%7C',
        '%7e',
        '%00',
        '#',
        '%3b',
      ),
    },
    { weight: 1, arbitrary: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }).map((code) => `%${code.toString(16).padStart(2, '0')}`) },
  );
  const path = fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join('')}`);
  await fc.assert(
    fc.asyncProperty(path, (raw) => expectAgreement(raw, escapedSlashes)),
    { numRuns: 1500 },
  );
});
