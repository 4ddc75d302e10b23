// Tokens that an application expects, on a real Envoy: who is granted one has it, whatever it sent; what others send arrives only if it is
// accepted, in one spelling; and a new token is used without anything being cut.
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Redacted } from '../../src/lib/redacted.ts';
import { parseSpiffeId, parseTrustDomain } from '../../src/model/spiffe-id.ts';
import { httpCall as readCall, readLogName } from '../../src/observe/access-log.ts';
import type { Call } from '../../src/observe/traffic-count.ts';
import type { MeshIr, ServiceKey } from '../../src/policy/ir.ts';
import type { ProxyShape } from '../../src/translate/proxy.ts';
import { type EchoApplication, startHttp1Echo } from '../support/echo-application.ts';
import { httpCall } from '../support/http-call.ts';
import { cellText, meshOf, meshText, policyText, problemsOf, serviceText, yaml } from '../support/resolve-text.ts';
import { createTestCa, type TestCa, type TestCertificate } from '../support/test-ca.ts';
import { startTranslatedProxy, type TranslatedProxy } from '../support/translated-proxy.ts';

const header = 'gitlab-iam-data-access-token';
const tokens = { rails: 'rails-1', cells: 'cells-1', others: 'others-1', current: 'current-1', next: 'next-1' };
const grants =
  '[{secret: rails, from: [{service: rails}]}, {secret: cells, from: [{prefix: "spiffe://td1/cell/"}]}, ' +
  '{secret: rails, from: [{spiffeId: "spiffe://td1/cell/cell-1/service/web"}]}, {secret: missing, from: [{service: worker}]}';

let ca: TestCa;
let application: EchoApplication;

beforeAll(async () => {
  ca = await createTestCa('mesh root');
  application = await startHttp1Echo();
});
afterAll(() => application.stop());

function meshWith(mode: 'strict' | 'permissive', credential: string, ...more: readonly string[]): MeshIr {
  return meshOf(
    yaml(
      meshText(mode),
      cellText('cell-1', 1),
      serviceText('iam', 'http1', `, credential: ${credential}`),
      serviceText('rails', 'http1', ', dependsOn: [{service: iam, listen: 15001}]'),
      ...['worker', 'registry', 'cell-1/web', 'cell-1/api'].map((name) => serviceText(name, 'http1')),
      ...more,
      policyText('all', 'iam', 'allow', '[{from: [{everyone: true}], to: [{path: {prefix: /open}}]}]'),
    ),
  );
}

function inputs(mesh: MeshIr, now: Readonly<Record<string, string>> = tokens) {
  const credentials = new Map(Object.entries(now).map(([name, value]) => [`iam/${name}`, new Redacted(value)]));
  return {
    mesh,
    endpoints: new Map(),
    bundles: { roots: ca.root, legacyAnchors: new Map<string, string>(), credentials },
  };
}

interface World {
  readonly proxy: TranslatedProxy;
  /** What arrives of the header, in any spelling; or the status, if nothing does. */
  arrives(caller: string | undefined, sent?: Readonly<Record<string, string>>, path?: string): Promise<unknown>;
}

async function start(mesh: MeshIr): Promise<World> {
  const spiffeId = parseSpiffeId('spiffe://td1/service/iam');
  if (spiffeId === undefined) throw new Error('no ID');
  const ports = [{ name: 'default', inbound: { address: '127.0.0.1', port: 0 }, application }];
  const shape = { spiffeId, service: 'iam' as ServiceKey, ports } satisfies ProxyShape;
  const proxy = await startTranslatedProxy(inputs(mesh), shape, await ca.issue({ uri: spiffeId }));
  const port = await proxy.envoy.port('inbound');
  const certificates = new Map<string, TestCertificate>();
  const certificateOf = async (name: string): Promise<TestCertificate> => {
    const certificate = certificates.get(name) ?? (await ca.issue({ uri: `spiffe://td1/${name}` }));
    certificates.set(name, certificate);
    return certificate;
  };
  return {
    proxy,
    async arrives(caller, sent = {}, path = '/open') {
      const tls = caller === undefined ? {} : { tls: await certificateOf(caller) };
      const { status, body } = await httpCall({ port, path, headers: sent, ...tls });
      if (status !== 200) return status;
      const { headers }: { readonly headers: Readonly<Record<string, string>> } = JSON.parse(body);
      const names = Object.keys(headers).filter((name) => name.replaceAll(/[^a-z]/g, '-') === header);
      return Object.fromEntries(names.map((name) => [name, headers[name]]));
    },
  };
}

/** What a control plane records of its access log. */
function recorded({ ads }: TranslatedProxy): readonly Call[] {
  const domain = parseTrustDomain('td1');
  return ads.logs.flatMap(({ logName, message: { logEntries } }) => {
    const log = readLogName(logName);
    if (log === undefined || domain === undefined || logEntries.case !== 'httpLogs') return [];
    const keep = (_: string, path: string) => ({ kind: 'exact' as const, path });
    return logEntries.value.logEntry.flatMap((entry) => readCall(log, entry, [domain], keep) ?? []);
  });
}

const forged = { [header]: 'forged' };
const of = (token: string) => ({ [header]: token });

describe('a strict service', () => {
  let world: World;
  beforeAll(async () => {
    world = await start(meshWith('strict', `{header: ${header}, grants: ${grants}]}`));
    await vi.waitFor(async () => expect(await world.arrives('service/rails')).toEqual(of('rails-1')), {
      timeout: 10_000,
    });
  });
  afterAll(() => world.proxy.stop());

  it.each([
    ['by its identity, in a chain of its own', 'service/rails', of('rails-1')],
    ['by its identity rather than a prefix', 'cell/cell-1/service/web', of('rails-1')],
    ['by a prefix', 'cell/cell-1/service/api', of('cells-1')],
    ['not at all', 'service/registry', {}],
    ['whose file is missing: refused', 'service/worker', 401],
  ])('%s', async (_what, caller, expected) => {
    expect(await world.arrives(caller)).toEqual(expected);
    expect(await world.arrives(caller, forged)).toEqual(expected);
    const spellings = {
      gitlab_iam_data_access_token: 'x',
      'gitlab-iam_data-access-token': 'y',
      'GITLAB-IAM-DATA-ACCESS-TOKEN': 'z',
    };
    expect(await world.arrives(caller, spellings)).toEqual(expected);
  });

  it('says in its access log which token it set for whom, and nothing of the token', async () => {
    for (const [caller, path] of [
      ['service/rails', '/open/told'],
      ['cell/cell-1/service/api', '/open/told'],
      ['service/registry', '/open/told'],
      ['service/worker', '/open/told'],
      ['service/rails', '/closed/told'],
    ] as const) {
      await world.arrives(caller, forged, path);
    }
    const told = await vi.waitFor(
      () => {
        const calls = recorded(world.proxy).filter(({ path }) => path?.kind === 'exact' && path.path.endsWith('/told'));
        expect(calls).toHaveLength(5);
        return calls.map(({ principal, decision, credential }) => [principal, decision, credential]);
      },
      { timeout: 10_000 },
    );
    expect(told).toEqual([
      ['spiffe://td1/service/rails', 'allowed', 'rails'],
      ['spiffe://td1/cell/cell-1/service/api', 'allowed', 'cells'],
      ['spiffe://td1/service/registry', 'allowed', undefined],
      ['spiffe://td1/service/worker', 'denied', undefined],
      ['spiffe://td1/service/rails', 'denied', undefined],
    ]);
    for (const token of Object.values(tokens)) expect(JSON.stringify(recorded(world.proxy))).not.toContain(token);
  });

  it('has no token of another service, whatever its document names', async () => {
    const stolen = new Map([
      ['other/rails', new Redacted('of another')],
      ['rails', new Redacted('of none')],
    ]);
    const mesh = meshWith('strict', `{header: ${header}, grants: ${grants}]}`);
    const { bundles, ...rest } = inputs(mesh);
    world.proxy.update({ ...rest, bundles: { ...bundles, credentials: stolen } });
    await vi.waitFor(async () => expect(await world.arrives('service/rails')).toBe(401), { timeout: 5000 });
    world.proxy.update(inputs(mesh));
    await vi.waitFor(async () => expect(await world.arrives('service/rails')).toEqual(of('rails-1')), {
      timeout: 5000,
    });
  });

  it('gives nothing to whom the rules refuse', async () => {
    expect(await world.arrives('service/rails', {}, '/closed')).toBe(403);
  });

  it('is given a new token while calls go on, and none fails', async () => {
    const seen = new Set<unknown>();
    let done = false;
    const calling = (async () => {
      while (!done) seen.add(JSON.stringify(await world.arrives('service/rails', forged)));
    })();
    await vi.waitFor(() => expect(seen.size).toBe(1), { timeout: 5000 });
    for (const version of ['rails-2', 'rails-3']) {
      world.proxy.update(
        inputs(meshWith('strict', `{header: ${header}, grants: ${grants}]}`), { ...tokens, rails: version }),
      );
      await vi.waitFor(() => expect(seen).toContain(JSON.stringify(of(version))), { timeout: 5000 });
    }
    done = true;
    await calling;
    expect([...seen]).toEqual(['rails-1', 'rails-2', 'rails-3'].map((token) => JSON.stringify(of(token))));
    expect(world.proxy.ads.nacks).toEqual([]);
  });

  it('may change after its listener did, again and again', async () => {
    const meshOfRound = (round: number) => {
      const more = serviceText(`caller-${round}`, 'http1', `, dependsOn: [{service: iam, listen: ${16_000 + round}}]`);
      const granted = `[{secret: ${round % 2 === 0 ? 'rails' : 'others'}, from: [{service: rails}]}]`;
      return { more, text: `{header: ${header}, grants: ${granted}}` };
    };
    for (let round = 0; round < 3; round++) {
      const { more, text } = meshOfRound(round);
      const before = `{header: ${header}, grants: ${grants}]}`;
      world.proxy.update(inputs(meshWith('strict', round === 0 ? before : meshOfRound(round - 1).text, more)));
      // The listener before it is gone once it has drained.
      await delay(5000);
      world.proxy.update(inputs(meshWith('strict', text, more)));
      const expected = of(round % 2 === 0 ? 'rails-1' : 'others-1');
      await vi.waitFor(async () => expect(await world.arrives('service/rails')).toEqual(expected), { timeout: 5000 });
    }
    expect(world.proxy.envoy.ended()).toBeUndefined();
  }, 60_000);

  it('shows no token', async () => {
    const page = await (await fetch(`${world.proxy.envoy.admin}/config_dump?include_eds`)).text();
    expect(page).toContain('service-credential');
    for (const token of Object.values(tokens)) expect(page).not.toContain(token);
  });
});

describe('a permissive service', () => {
  let world: World;
  const credential = `{header: ${header}, grants: ${grants}, {secret: others, from: [{authenticated: true}]}], accept: [current, next]}`;
  beforeAll(async () => {
    world = await start(meshWith('permissive', credential));
    await vi.waitFor(async () => expect(await world.arrives('service/rails')).toEqual(of('rails-1')), {
      timeout: 10_000,
    });
  });
  afterAll(() => world.proxy.stop());

  it.each([
    ['nothing', {}, {}],
    ['the current token', of('current-1'), of('current-1')],
    ['the next one', of('next-1'), of('next-1')],
    ['a forged one', forged, 401],
    ['one of another caller', of('rails-1'), 401],
    ['none', of(''), 401],
    ['one in another spelling', { gitlab_iam_data_access_token: 'current-1' }, {}],
  ])('somebody without an identity who sends %s', async (_what, sent, expected) => {
    expect(await world.arrives(undefined, sent)).toEqual(expected);
  });

  it('grants anybody with an identity theirs', async () => {
    expect(await world.arrives('service/registry', forged)).toEqual(of('others-1'));
    expect(await world.arrives('cell/cell-1/service/api', of('current-1'))).toEqual(of('cells-1'));
  });

  it('accepts nothing if the files of what it accepts are missing', async () => {
    const { current: _, next: __, ...rest } = tokens;
    world.proxy.update(inputs(meshWith('permissive', credential), rest));
    await vi.waitFor(async () => expect(await world.arrives(undefined, of('current-1'))).toBe(401), { timeout: 5000 });
    expect(await world.arrives(undefined, of(''))).toBe(401);
    expect(await world.arrives(undefined)).toEqual({});
    expect(world.proxy.ads.nacks).toEqual([]);
  });
});

describe('a document', () => {
  it.each([
    ['of TCP', 'tcp', `{header: ${header}}`, 'a TCP service has no headers'],
    [
      'that grants somebody twice',
      'http1',
      `{header: ${header}, grants: [{secret: a, from: [{authenticated: true}, {authenticated: true}]}]}`,
      'granted a token twice',
    ],
    [
      'that grants strangers one',
      'http1',
      `{header: ${header}, grants: [{secret: a, from: [{spiffeId: "spiffe://td2/x"}]}]}`,
      'in another trust domain',
    ],
    [
      'that grants nobody one',
      'http1',
      `{header: ${header}, grants: [{secret: a, from: [{service: nobody}]}]}`,
      'nobody',
    ],
  ])('%s is refused', (_what, protocol, credential, message) => {
    const text = yaml(meshText('strict'), serviceText('iam', protocol, `, credential: ${credential}`));
    expect(problemsOf(text)).toMatchObject([{ severity: 'error', message: expect.stringContaining(message) }]);
  });

  it.each(['host', 'content-length', 'x-cellwall-peer-id'])('cannot use the header %s', (name) => {
    expect(() =>
      problemsOf(yaml(meshText('strict'), serviceText('iam', 'http1', `, credential: {header: ${name}}`))),
    ).toThrow('a header that requests need');
  });
});
