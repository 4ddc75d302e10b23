// `cellwall doctor svid PLACE`: each fault of an SVID, made for real, is named with what to do, and nothing else is; the controls are SVIDs
// without a fault. Whatever is in the place, the command says something, and never the key.

import { createPrivateKey } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SvidReport } from '../../src/doctor/svid/svid-report.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createWatched } from '../../src/lib/watchable.ts';
import { stored } from '../../src/sidecar/svid/svid-files.ts';
import { createWorkloadApi } from '../../src/workload-api/workload-api.ts';
import { type CliResult, runCli } from '../support/cli-harness.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createTokenKey, type MintOptions, mintToken, type TokenKey } from '../support/mint-token.ts';
import { createOddCa, type OddCa } from '../support/odd-certificates.ts';
import { createTestCa, type TestCa, type TestCertificate, type TestCertificateOptions } from '../support/test-ca.ts';

const clock = createFakeClock(Date.now());
const api = 'spiffe://td1/service/api';
let folder: string;
let [ca, other, odd]: [TestCa?, TestCa?, OddCa?] = [];
let tokenKey: TokenKey;
let places = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-doctor-svid-'));
  [ca, other, odd] = await Promise.all([createTestCa('one'), createTestCa('two'), createOddCa('odd')]);
  tokenKey = createTokenKey();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Answer extends CliResult {
  readonly svids: readonly SvidReport[];
}

async function doctor(args: readonly string[], stdin = ''): Promise<Answer> {
  const result = await runCli(['doctor', 'svid', ...args, '-o', 'json'], { clock, stdin });
  const { svids = [] }: { readonly svids?: readonly SvidReport[] } = JSON.parse(result.stdout);
  return { ...result, svids };
}
const causesOf = ({ svids }: Answer): readonly string[] =>
  svids.flatMap(({ findings }) => findings.map(({ cause }) => cause));

/** A folder as `svid fetch` makes it. */
function put({ certificate, key }: Pick<TestCertificate, 'certificate' | 'key'>, bundle: string): string {
  const place = join(folder, String(places++));
  mkdirSync(place);
  writeFileSync(join(place, 'svid.pem'), certificate);
  writeFileSync(join(place, 'key.pem'), key, { mode: 0o600 });
  writeFileSync(join(place, 'bundle.pem'), bundle);
  return place;
}
const issued = async (options: TestCertificateOptions, by = ca): Promise<TestCertificate> => {
  if (by === undefined) throw new Error('no CA');
  return by.issue(options);
};

it('an SVID without a fault is fine; what was looked at is said', async () => {
  const { code, svids } = await doctor([put(await issued({ uri: api }), ca?.root ?? '')]);
  expect(svids).toMatchObject([{ verdict: 'fine', kind: 'x509-svid', spiffeId: api, findings: [], unseen: [] }]);
  expect(svids[0]?.checked.join('\n')).toMatch(
    /it is spiffe[\s\S]*valid until[\s\S]*its private key[\s\S]*goes back to the root CN=one/,
  );
  expect(code).toBe(0);
});

it('what could not be looked at is no fault, and not fine', async () => {
  const place = join(folder, 'alone.pem');
  writeFileSync(place, (await issued({ uri: api })).certificate);
  const { code, svids } = await doctor([place]);
  expect(svids).toMatchObject([
    { verdict: 'unknown', findings: [], unseen: [/--bundle/, /--key/].map((one) => expect.stringMatching(one)) },
  ]);
  expect(code).toBe(6);
});

interface Case {
  readonly cause: string;
  readonly make: () => Promise<readonly string[]>;
  readonly what: RegExp;
  readonly toDo: RegExp;
}
const of =
  (options: TestCertificateOptions, ...more: readonly string[]) =>
  async () => [put(await issued(options), ca?.root ?? ''), ...more];
const hour = 3_600_000;

const cases: readonly Case[] = [
  {
    cause: 'ended',
    make: of({ uri: api, beginsInMs: -3 * hour, lifetimeMs: -2 * hour }),
    what: /ended at .*Z, (2 h|1 h 59 min) ago by this host's clock/,
    toDo: /svid fetch --watch/,
  },
  { cause: 'clock-behind', make: of({ uri: api, beginsInMs: hour }), what: /this host's clock is behind/, toDo: /NTP/ },
  {
    cause: 'not-yet',
    make: async () => {
      const place = join(folder, 'early.pem');
      writeFileSync(place, (await issued({ uri: api, beginsInMs: hour })).certificate);
      return ['-', readFileSync(place, 'utf8')];
    },
    what: /begins at .*Z, in (1 h|59 min)/,
    toDo: /date -u/,
  },
  {
    cause: 'not-of-the-key',
    make: async () => [put({ ...(await issued({ uri: api })), key: (await issued({})).key }, ca?.root ?? '')],
    what: /is not that of the certificate/,
    toDo: /one of them is older/,
  },
  {
    cause: 'key-unreadable',
    make: async () => [
      put(
        {
          ...(await issued({ uri: api })),
          key: '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n',
        },
        ca?.root ?? '',
      ),
    ],
    what: /it has a passphrase/,
    toDo: /without a passphrase/,
  },
  {
    cause: 'key-open-to-others',
    make: async () => {
      const place = put(await issued({ uri: api }), ca?.root ?? '');
      chmodSync(join(place, 'key.pem'), 0o644);
      return [place];
    },
    what: /mode 0644/,
    toDo: /chmod 0600/,
  },
  {
    cause: 'other-trust-domain',
    make: of({ uri: 'spiffe://td2/service/api' }, '--trust-domain', 'td1'),
    what: /of the trust domain td2, and td1 is expected/,
    toDo: /federate/,
  },
  {
    cause: 'spiffe-id-malformed',
    make: of({ uri: 'spiffe://TD1/service/api' }),
    what: /small letters, digits/,
    toDo: /spiffe:\/\/example.org/,
  },
  {
    cause: 'spiffe-id-malformed',
    make: of({ uri: 'spiffe://td1/service//api' }),
    what: /a segment of its path is empty/,
    toDo: /issued for a SPIFFE ID/,
  },
  {
    cause: 'spiffe-id-malformed',
    make: of({ uri: 'https://td1/api' }),
    what: /does not begin with/,
    toDo: /issued for a SPIFFE ID/,
  },
  { cause: 'no-spiffe-id', make: of({ dns: ['api.example.org'] }), what: /no URI name/, toDo: /only URI name/ },
  {
    cause: 'no-spiffe-id',
    make: of({ uri: api, moreUris: ['spiffe://td1/service/web'] }),
    what: /2 URI names/,
    toDo: /only URI name/,
  },
  {
    cause: 'issuer-missing',
    make: async () => [put(await issued({ uri: api }), other?.root ?? '')],
    what: /CN=one\) is neither in the file nor a root/,
    toDo: /whole chain/,
  },
  {
    cause: 'root-replaced',
    make: async () => [put(await issued({ uri: api }), (await createTestCa('one')).root)],
    what: /the name CN=one with another key/,
    toDo: /serve --publish/,
  },
  {
    cause: 'other-root',
    make: async () => [put(await oddly({ intermediate: 'sent' }), ca?.root ?? '')],
    what: /none of the roots of the bundle \(CN=one\)/,
    toDo: /serve --publish/,
  },
  {
    cause: 'issuer-missing',
    make: async () => [put(await oddly({ intermediate: 'left out' }), odd?.root ?? '')],
    what: /odd intermediate/,
    toDo: /leaf\.pem/,
  },
  {
    cause: 'usage-missing',
    make: async () => [put(await oddly({ usage: 'server' }), odd?.root ?? '')],
    what: /lacks clientAuth/,
    toDo: /clientAuth and serverAuth/,
  },
  {
    cause: 'not-a-leaf',
    make: async () => [put({ ...(await issued({ uri: api })), certificate: ca?.root ?? '' }, ca?.root ?? '')],
    what: /that of a CA/,
    toDo: /first/,
  },
  {
    cause: 'chain-not-in-order',
    make: async () => [
      put(
        { ...(await issued({ uri: api })), certificate: `${ca?.root}${(await issued({ uri: api })).certificate}` },
        ca?.root ?? '',
      ),
    ],
    what: /certificate 2 of the file did not issue certificate 1/,
    toDo: /workload's first/,
  },
  {
    cause: 'bundle-unreadable',
    make: async () => [put(await issued({ uri: api }), 'nothing')],
    what: /bundle\.pem cannot be read/,
    toDo: /serve --publish/,
  },
  {
    cause: 'no-svid-in-it',
    make: async () => [put({ ...(await issued({ uri: api })), certificate: '' }, ca?.root ?? '')],
    what: /it is empty/,
    toDo: /BEGIN CERTIFICATE/,
  },
  {
    cause: 'no-svid-in-it',
    make: async () => [put({ ...(await issued({ uri: api })), certificate: '0\u0082' }, ca?.root ?? '')],
    what: /in DER: "openssl/,
    toDo: /PEM/,
  },
  {
    cause: 'not-there',
    make: async () => [join(folder, 'nobody')],
    what: /there is no such file/,
    toDo: /name the file/,
  },
  {
    cause: 'socket-dead',
    make: async () => [`unix:${folder}/no.sock`],
    what: /there is no such socket/,
    toDo: /--workload-api/,
  },
];

async function oddly(options: Parameters<OddCa['issue']>[0]): Promise<Pick<TestCertificate, 'certificate' | 'key'>> {
  if (odd === undefined) throw new Error('no CA');
  return odd.issue({ uri: api, ...options });
}

describe.each(cases)('$cause', ({ cause, make, what, toDo }) => {
  it(`${what}`, async () => {
    const [place = '', ...more] = await make();
    const answer = place === '-' ? await doctor(['-'], more[0]) : await doctor([place, ...more]);
    const found = answer.svids.flatMap(({ findings }) => findings).find((one) => one.cause === cause);
    expect(found, JSON.stringify(answer.svids)).toBeDefined();
    expect(found?.what).toMatch(what);
    expect(found?.toDo).toMatch(toDo);
    expect(answer.code).toBe(3);
    expect(answer.svids[0]?.verdict).toBe('broken');
    expect(answer.stdout + answer.stderr).not.toMatch(/PRIVATE KEY|\n\s+at /);
  });
});

describe('a JWT-SVID', () => {
  const good = { iss: 'https://x', aud: 'db', claims: { sub: api }, expiresIn: 300 };
  const place = async (token: string, ...more: readonly string[]): Promise<Answer> => {
    const bundle = join(folder, 'keys.json');
    writeFileSync(bundle, `{"keys": [${tokenKey.jwk}]}`);
    return doctor(['-', '--bundle', bundle, '--audience', 'db', '--trust-domain', 'td1', ...more], `${token}\n`);
  };
  const mint = (options: Partial<MintOptions>): string => mintToken({ ...good, by: tokenKey.privateKey, ...options });

  it('without a fault is fine', async () => {
    const answer = await place(mint({}));
    expect(answer.svids).toMatchObject([{ verdict: 'fine', kind: 'jwt-svid', spiffeId: api }]);
    expect(answer.code).toBe(0);
  });

  it.each<readonly [string, () => string, RegExp]>([
    ['ended', () => mint({ expiresIn: -600 }), /the token ended at .*(10 min|9 min .* s) ago/],
    ['no-end', () => mint({ expiresIn: null }), /no end \(exp\)/],
    ['not-yet', () => mint({ claims: { sub: api, nbf: Math.floor(Date.now() / 1000) + 7200 } }), /the token begins at/],
    ['algorithm', () => mint({ by: 'secret' }), /HS256/],
    ['algorithm', () => mint({ alg: 'none' }), /none/],
    ['audience-missing', () => mint({ aud: [] }), /no audience/],
    ['other-audience', () => mint({ aud: ['web', 'x'] }), /for "web", "x", and not for "db"/],
    ['spiffe-id-malformed', () => mint({ claims: {} }), /no subject/],
    ['spiffe-id-malformed', () => mint({ claims: { sub: 'spiffe://td1/../x' } }), /"\." or "\.\."/],
    ['other-trust-domain', () => mint({ claims: { sub: 'spiffe://td2/x' } }), /td2, and td1 is expected/],
    [
      'key-unknown',
      () => mint({}).replace(/^[^.]+/, header({ alg: 'RS256', kid: 'k9' })),
      /"k9" that it names is not in the bundle \("k1"\)/,
    ],
    ['key-not-named', () => mint({}).replace(/^[^.]+/, header({ alg: 'RS256' })), /names no key/],
    ['token-header', () => mint({}).replace(/^[^.]+/, header({ alg: 'RS256', kid: 'k1', jku: 'https://x' })), /jku/],
    ['signature-wrong', () => mint({ by: createTokenKey().privateKey }), /not by the key "k1"/],
    ['token-malformed', () => 'eyJhbGciOiJ9.eyJ9.x', /no JSON object/],
  ])('%s', async (cause, token, what) => {
    const answer = await place(token());
    expect(causesOf(answer)).toContain(cause);
    expect(answer.svids.flatMap(({ findings }) => findings.map((one) => one.what)).join('\n')).toMatch(what);
    expect(answer.code).toBe(3);
  });
});

describe('a Workload API', () => {
  const noTokens = {
    fetch: () => Promise.reject(new CellwallError('unavailable', 'not now')),
    keys: () => Promise.reject(new CellwallError('unavailable', 'not now')),
    refresh: () => Promise.resolve(),
  };

  it('is asked as a program would ask it', async () => {
    const path = join(folder, 'api.sock');
    const { certificate, key } = await issued({ uri: api });
    const svid = createWatched(stored(certificate, createPrivateKey(key), ca?.root ?? ''));
    const refusal = createWatched<CellwallError | undefined>(undefined);
    const served = await createWorkloadApi({ jwt: noTokens, socket: { path }, svid, clock, log: silentLog, refusal });
    const fine = await doctor([`unix:${path}`]);
    expect(fine.svids).toMatchObject([{ verdict: 'fine', spiffeId: api }]);
    expect(fine.stdout).not.toContain('PRIVATE KEY');
    refusal.set(new CellwallError('permission_denied', 'banned'));
    const banned = await doctor([`unix:${path}`]);
    expect(causesOf(banned)).toEqual(['socket-refuses']);
    expect(banned.svids[0]?.findings[0]?.toDo).toContain('cellwall ban list');
    await served.close();
  });

  it('that is none is told from one that is dead', async () => {
    const path = join(folder, 'odd.sock');
    const server = createServer((socket) =>
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n').on('error', () => undefined),
    );
    await new Promise<void>((resolve) => server.listen(path, resolve));
    expect(causesOf(await doctor([`unix:${path}`]))).toEqual(['socket-dead']);
    server.close();
  });
});

it('whatever is in it, something is said, without a stack', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc
          .string()
          .map(
            (text) =>
              `-----BEGIN CERTIFICATE-----\n${Buffer.from(text).toString('base64')}\n-----END CERTIFICATE-----\n`,
          ),
        fc
          .tuple(fc.json(), fc.json())
          .map((parts) => `${parts.map((one) => Buffer.from(one).toString('base64url')).join('.')}.AA`),
      ),
      async (text) => {
        const { code, stdout, stderr, svids } = await doctor(['-'], text);
        expect(svids).toHaveLength(1);
        expect([3, 6]).toContain(code);
        expect(stdout + stderr).not.toMatch(/\n\s+at |this is a bug/);
      },
    ),
    { numRuns: 60 },
  );
});

function header(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
