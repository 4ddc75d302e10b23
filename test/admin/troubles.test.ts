// What is wrong in the mesh, edge by edge: which edges are looked into, what is said of them, and how much that may cost.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { suspectsOf } from '../../src/admin/doctor/suspects.ts';
import { type CallerSide, meshMap } from '../../src/admin/mesh-map.ts';
import type { TrafficCount } from '../../src/admin/wire.ts';
import type { ProxyRow } from '../../src/admin/wire-proxies.ts';
import type { TroublesAnswer } from '../../src/admin/wire-troubles.ts';
import type { FailedHandshakes } from '../../src/observe/handshakes.ts';
import { type AdminHarness, startAdmin } from '../support/admin-harness.ts';
import { meshOf, meshText, policyText, serviceText, yaml } from '../support/resolve-text.ts';
import { projectRoot } from '../support/source-files.ts';

const now = 100_000_000;
const documents = yaml(
  meshText(),
  serviceText('api'),
  serviceText('db', 'tcp'),
  serviceText('web', 'http1', ', dependsOn: [{service: api, listen: 9000}, {service: db, listen: 9001}]'),
  policyText('api', 'api', 'allow', '[{from: [{service: web}]}]'),
);
const mesh = meshOf(documents);

function proxy(service: string, more: Partial<ProxyRow> = {}): ProxyRow {
  const spiffeId = `spiffe://td1/service/${service}`;
  return {
    ...{ node: `${spiffeId}~a`, spiffeId, service, state: 'connected', since: 0, ready: true, types: [] },
    certificate: { serial: service, notAfter: now + 1000 },
    ...more,
  };
}
const well = ['api', 'db', 'web'].map((service) => proxy(service));

interface Given {
  readonly rows?: readonly ProxyRow[];
  readonly traffic?: readonly TrafficCount[];
  readonly callerSide?: readonly CallerSide[];
  readonly handshakes?: readonly FailedHandshakes[];
  readonly refused?: readonly string[];
}

function suspects({
  rows = well,
  traffic = [],
  callerSide = [],
  handshakes = [],
  refused = [],
}: Given): readonly string[] {
  const map = meshMap({ revision: 1, mesh, traffic, callerSide, handshakes, proxies: [], now });
  return suspectsOf({ map, mesh, rows, handshakes, refused, now }).map(({ caller, target }) => `${caller}>${target}`);
}

const denied = (service: string, lastSeen: number): TrafficCount => ({
  ...{ service, caller: 'mtls', principal: 'spiffe://td1/service/web', decision: 'denied', count: 1, lastSeen },
});
/** As `observe` says them. */
const faultWords = readFileSync(join(projectRoot, 'src/observe/handshake-fault.ts'), 'utf8');
const handshake: FailedHandshakes = {
  ...{ service: 'api', address: '10.0.0.9', why: 'plaintext HTTP', caller: true, count: 2, lastSeen: now - 1000 },
};

describe('an edge is looked into', () => {
  it('if one of its ends is refused an SVID: what it shows ends, whatever its clock says', () => {
    expect(suspects({ refused: ['spiffe://td1/service/api', 'spiffe://td1/nobody'] })).toEqual(['web>api']);
  });

  it('not if it is well, and not because nobody called', () => {
    expect(suspects({})).toEqual([]);
    expect(suspects({ traffic: [{ ...denied('api', now), decision: 'allowed' }] })).toEqual([]);
  });

  it('if its calls failed or were refused lately, the latest first', () => {
    const traffic = [denied('api', now - 5000), denied('db', now - 1000)];
    expect(suspects({ traffic })).toEqual(['web>db', 'web>api']);
    expect(suspects({ traffic: [denied('api', now - 3_600_000)] })).toEqual([]);
  });

  it("if the caller's own proxy answered, as the other one was not reached", () => {
    expect(
      suspects({ callerSide: [{ from: 'web', to: 'db', decision: 'failed', count: 3, lastSeen: now - 10 }] }),
    ).toEqual(['web>db']);
  });

  it.each<readonly [string, Partial<ProxyRow>]>([
    ['is not ready', { ready: false }],
    ['rejects', { types: [{ typeUrl: 'a.Listener', nack: { revision: 1, message: 'no', resources: [] } }] }],
    ['is held', { state: 'held' }],
    ['is gone', { state: 'gone' }],
    ['has a certificate that ended', { certificate: { serial: 'a', notAfter: now } }],
    ['has a clock that is off', { clockOffsetMs: -700_000 }],
    ['cannot listen', { takenPorts: [{ address: '127.0.0.1', port: 1, holder: 'pid 1' }] }],
    ['has a dead application', { applicationState: { answers: false, around: [] } }],
    [
      'has a dead application at a named port',
      { ports: [{ name: 'a', applicationState: { answers: false, around: [] } }] },
    ],
    ['is too old', { outdated: 'envoy/1.20' }],
  ])('if a proxy at one of its ends %s', (_name, more) => {
    expect(suspects({ rows: [...well.slice(1), proxy('api', more)] })).toEqual(['web>api']);
    expect(suspects({ rows: [...well.slice(0, 2), proxy('web', more)] })).toEqual(['web>api', 'web>db']);
  });

  it('not for a proxy that is gone while another one serves', () => {
    expect(suspects({ rows: [...well, proxy('api', { node: 'b', state: 'gone' })] })).toEqual([]);
  });

  it.each([
    ['its certificate has expired', true, ['web>api']],
    ['plaintext HTTP, where TLS is needed', false, ['plaintext>api']],
    ['no TLS, where TLS is needed', false, ['plaintext>api']],
    ['it presented no certificate, or has one of a key that is not taken', true, ['one-way-tls>api', 'web>api']],
    ['the proxy had no certificate yet', false, []],
  ])('by what handshakes before its service failed of: %s', (why, caller, expected) => {
    expect(faultWords).toContain(why);
    expect(suspects({ handshakes: [{ ...handshake, why, caller }] })).toEqual(expected);
    expect(suspects({ handshakes: [{ ...handshake, why, caller, lastSeen: now - 3_600_000 }] })).toEqual([]);
  });
});

describe('the route', () => {
  let admin: AdminHarness | undefined;
  afterEach(() => admin?.close());

  async function ask(): Promise<TroublesAnswer> {
    const reply = await admin?.call('/v1/troubles');
    expect(reply?.status).toBe(200);
    return reply?.json() as TroublesAnswer;
  }

  it('says what doctor says of each, the likeliest cause with what to do, and nothing while nothing is in force', async () => {
    admin = await startAdmin();
    expect(await ask()).toMatchObject({ edges: [], asked: 0 });
    await admin.call('/v1/apply', { body: { text: documents } });
    admin.clock.advance(2000);
    const { edges, asked } = await ask();
    expect(asked).toBe(2);
    expect(edges).toMatchObject([
      { from: 'web', to: 'api', verdict: 'broken', findings: [{ cause: 'no-proxy' }, { cause: 'no-proxy' }] },
      { from: 'web', to: 'db', verdict: 'broken' },
    ]);
    const doctor = (await admin.call('/v1/doctor?caller=web&target=api')).json() as TroublesAnswer['edges'][number];
    expect(edges[0]?.findings).toEqual(doctor.findings.filter(({ weight }) => weight !== 'note').slice(0, 3));
  });

  it('looks once, however many ask, and into forty edges at most, of each service one first', async () => {
    let [read, explained] = [0, 0];
    const many = Array.from({ length: 60 }, (_, at) =>
      serviceText(`caller-${at}`, 'http1', ', dependsOn: [{service: api, listen: 9000}]'),
    );
    const other = serviceText('z', 'http1', ', dependsOn: [{service: db, listen: 9001}]');
    admin = await startAdmin({
      traffic() {
        read += 1;
        return [];
      },
    });
    await admin.call('/v1/apply', {
      body: { text: yaml(meshText(), serviceText('api'), serviceText('db', 'tcp'), ...many, other) },
    });
    const { explain } = admin.deps;
    Object.assign(admin.deps, {
      explain(query: Parameters<typeof explain>[0]) {
        explained += 1;
        return explain(query);
      },
    });
    const before = read;
    const answers = await Promise.all(Array.from({ length: 20 }, ask));
    expect(new Set(answers.map(({ at }) => at)).size).toBe(1);
    expect(answers[0]).toMatchObject({ asked: 40, omitted: 21 });
    expect(answers[0]?.edges.map(({ from }) => from)).toContain('z');
    expect(explained).toBe(40);
    // For the map, and for all edges together.
    expect(read - before).toBe(2);
  });
});
