// Headers with underscores, which GitLab's clients send with every call, arrive; what shadows a header of the wall, in whatever
// spelling, does not. HTTP/1.1 and gRPC, mTLS and plaintext.
import { credentials, Metadata, makeClientConstructor, Server, ServerCredentials } from '@grpc/grpc-js';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { figure, qualifying } from '../../support/figure.ts';
import { type HeaderLine, type Http1Application, rawExchange, startHttp1Application } from '../../support/raw-http1.ts';
import { startWallPair, testId, type WallPair } from '../../support/wall-pair.ts';

const separators = [..."-_.!#$%&'*+^`|~"];
const own = ['x-cellwall-peer-id', 'x-cellwall-anything', 'x-client-cert-subject-dn', 'x-forwarded-client-cert'];
const foreign = [
  'X-SSL-Client-Certificate',
  'X-SSL-Client-Verify',
  'SSL-Client-Cert',
  'X-Client-Cert',
  'X-Client-Cert-Hash',
  'X-Forwarded-Tls-Client-Cert',
  'Client-Cert',
  'Client-Cert-Chain',
  'client_cert_subject_dn',
  'X-Amzn-Mtls-Clientcert',
  'X-ARR-ClientCert',
  'Cf-Client-Cert-Der-Base64',
  'X-Sso-User',
  'X-Sso-Groups',
  'X-Api-Role',
];
const passing = [
  'client_name',
  'call_site',
  'user_id',
  'remote_ip',
  'deadline_type',
  'X_API_KEY',
  '_',
  'x_cellwal',
  'client_certainty',
  'X-SSLIFE',
  'ssl_clients',
  'x_forwarded_for',
];

let application: Http1Application;
let strict: WallPair;
let permissive: WallPair;

beforeAll(async () => {
  application = await startHttp1Application();
  const spec = 'protocol: http1, identityHeaders: {stripped: [X_Api_Role]}';
  const mesh = (mode: 'strict' | 'permissive') =>
    startWallPair({
      api: spec,
      application,
      mode,
      rules: '[{from: [{everyone: true}]}]',
      strippedHeaders: '[x-sso-*]',
    });
  [strict, permissive] = await Promise.all([mesh('strict'), mesh('permissive')]);
}, 60_000);

afterAll(async () => {
  await strict?.stop();
  await permissive?.stop();
  await application?.stop();
});

async function arriving(port: number, names: readonly string[]): Promise<readonly HeaderLine[]> {
  const lines = names.map((name) => `${name}: sent\r\n`).join('');
  const { status, body } = await rawExchange(port, `GET / HTTP/1.1\r\nHost: a\r\n${lines}\r\n`);
  expect(status).toBe(200);
  return JSON.parse(body) as HeaderLine[];
}

const sent = (lines: readonly HeaderLine[]): string[] =>
  lines.filter(([, value]) => value === 'sent').map(([name]) => name.toLowerCase());

describe('HTTP/1.1', () => {
  test('control: without the wall all of them arrive', async () => {
    const all = [...passing, ...own, ...foreign];
    expect(sent(await arriving(application.port, all))).toEqual(all.map((name) => name.toLowerCase()));
  });

  test.each(['strict', 'permissive'] as const)('%s: what shadows nothing arrives', async (mode) => {
    const port = mode === 'strict' ? strict.outbound : permissive.inbound;
    expect(sent(await arriving(port, passing))).toEqual(passing.map((name) => name.toLowerCase()));
  });

  const spelled = (name: string) =>
    fc
      .array(fc.tuple(fc.constantFrom(...separators), fc.boolean()), { minLength: name.length, maxLength: name.length })
      .map((choices) =>
        [...name]
          .map((char, index) => {
            const [separator, upper] = choices[index] ?? ['-', false];
            if (char === '-' || char === '_') return separator;
            return upper ? char.toUpperCase() : char.toLowerCase();
          })
          .join(''),
      );

  test('no spelling of a header of identity arrives, whoever sends it', async () => {
    let tried = 0;
    await fc.assert(
      fc.asyncProperty(fc.tuple(...[...own, ...foreign].map(spelled)), fc.boolean(), async (names, plaintext) => {
        const lines = await arriving(plaintext ? permissive.inbound : strict.outbound, [...names, 'control_header']);
        expect(sent(lines)).toEqual(['control_header']);
        const peer = lines.filter(([name]) => /^x.cellwall.peer.id$/i.test(name));
        expect(peer).toEqual(plaintext ? [] : [['x-cellwall-peer-id', testId('web')]]);
        tried += names.length;
      }),
      { numRuns: qualifying ? 300 : 30 },
    );
    figure('spellingsTried', tried);
  });

  test.each([
    'Transfer_Encoding: chunked',
    'content_length: 0',
    'Content.Length: 5',
    'TRANSFER_ENCODING: gzip, chunked',
  ])('no application takes another header for the one that says where a request ends: %s', async (line) => {
    const { status, body } = await rawExchange(
      permissive.inbound,
      `POST / HTTP/1.1\r\nHost: a\r\n${line}\r\nContent-Length: 2\r\n\r\nhi`,
    );
    expect(status).toBe(200);
    const names = (JSON.parse(body) as HeaderLine[]).map(([name]) => name.toLowerCase());
    expect(names.filter((name) => /^(content|transfer).(length|encoding)$/.test(name))).toEqual(['content-length']);
  });
});

describe('gRPC, as GitLab’s clients send it', () => {
  const names = ['client_name', 'call_site', 'user_id', 'remote_ip', 'deadline_type', 'username', 'gitaly-servers'];
  const echo = {
    path: '/test.Echo/Metadata',
    requestStream: false,
    responseStream: false,
    requestSerialize: (text: string) => Buffer.from(text),
    requestDeserialize: (bytes: Buffer) => bytes.toString(),
    responseSerialize: (text: string) => Buffer.from(text),
    responseDeserialize: (bytes: Buffer) => bytes.toString(),
  };
  let server: Server;
  let pair: WallPair;
  let port = 0;

  beforeAll(async () => {
    server = new Server();
    server.addService(
      { Metadata: echo },
      {
        Metadata: (call: { readonly metadata: Metadata }, callback: (error: null, answer: string) => void) =>
          callback(null, JSON.stringify(call.metadata.getMap())),
      },
    );
    port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    );
    pair = await startWallPair({
      api: 'protocol: grpc',
      application: { address: '127.0.0.1', port },
      mode: 'permissive',
      rules: '[{from: [{everyone: true}]}]',
    });
  }, 60_000);

  afterAll(async () => {
    await pair?.stop();
    server?.forceShutdown();
  });

  test.each(['without the wall', 'through both sidecars', 'in plaintext to a permissive service'])(
    '%s',
    async (how) => {
      const at = how === 'without the wall' ? port : how === 'through both sidecars' ? pair.outbound : pair.inbound;
      const Client = makeClientConstructor({ Metadata: echo }, 'test.Echo');
      const client = new Client(`127.0.0.1:${at}`, credentials.createInsecure());
      const metadata = new Metadata();
      for (const name of [...names, 'x_cellwall_peer_id', 'x-cellwall_peer-id', 'X_SSL_Client_Certificate'])
        metadata.set(name, 'sent');
      const answer = await new Promise<string>((resolve, reject) => {
        client['Metadata']?.('hello', metadata, (error: Error | null, text: string) =>
          error ? reject(error) : resolve(text),
        );
      });
      client.close();
      const seen = JSON.parse(answer) as Record<string, string>;
      for (const name of names) expect(seen[name]).toBe('sent');
      const shadows = Object.keys(seen).filter((name) => /^x.(cellwall|ssl)/.test(name) && seen[name] === 'sent');
      expect(shadows.length).toBe(how === 'without the wall' ? 3 : 0);
      if (how === 'through both sidecars') expect(seen['x-cellwall-peer-id']).toBe(testId('web'));
    },
  );
});
