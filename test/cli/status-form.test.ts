// What `status` makes of a width and of a filter: every line fits, nothing is lost, and only what was asked for is there.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatStatus, type StatusView } from '../../src/cli/output/format-status.ts';
import { selectStatus } from '../../src/cli/output/select-status.ts';
import { formatFields, formatTable } from '../../src/cli/output/table.ts';

const now = Date.parse('2026-11-29T12:00:00Z');
const source = { file: 'mesh.d/services/a-file-with-a-long-name.yaml', line: 12, column: 1 };
type Proxy = StatusView['proxies'][number];
type Service = StatusView['services'][number];

const service = (key: string, more: Partial<Service> = {}): Service => ({
  ...{ service: key, spiffeId: `spiffe://cells.example.com/${key}`, mtls: 'strict', source },
  ...more,
});
const proxy = (key: string, instance: string, more: Partial<Proxy> = {}): Proxy => ({
  ...{
    node: `spiffe://cells.example.com/${key}~${instance}`,
    spiffeId: `spiffe://cells.example.com/${key}`,
    service: key,
  },
  ...{ state: 'connected', since: now - 60_000, ready: true, replica: 'control-1.cells.example.com' },
  ...{ inbound: { address: '10.0.0.17', port: 8443 }, application: { address: '127.0.0.1', port: 8080 } },
  ...{ applicationState: { answers: true, on: ['127.0.0.1'], around: [] }, types: [] },
  certificate: { serial: 'ab', notAfter: now + 1_800_000 },
  ...more,
});
const down = { answers: false, why: 'ECONNREFUSED', on: ['::1'], around: [] };
const open = { answers: true, on: ['0.0.0.0'], around: ['0.0.0.0'] };
const call = { caller: 'mtls', decision: 'allowed', count: 3, firstSeen: now, lastSeen: now } as const;

const view: StatusView = {
  status: {
    ...{ version: '0.1.0', startedAt: now - 3_600_000, trustDomain: 'cells.example.com', revision: 7, problems: [] },
    ...{ ready: true, reasons: [], proxies: { connected: 4, held: 0, gone: 0, rejecting: 0 } },
  },
  services: [service('cell-1/api'), service('cell-1/topology-service'), service('cell-2/api'), service('web')],
  proxies: [
    proxy('cell-1/api', '4f0c2a1b'),
    proxy('cell-1/api', '77aa77aa', { applicationState: down }),
    proxy('cell-1/topology-service', 'a1b2c3d4'),
    proxy('cell-2/api', '00112233', { applicationState: open }),
    proxy('web', 'ffeeddcc'),
  ],
  traffic: [
    { ...call, service: 'cell-1/api', principal: 'spiffe://cells.example.com/web' },
    { ...call, service: 'cell-2/api', principal: 'spiffe://cells.example.com/web', decision: 'denied' },
  ],
  handshakes: [
    {
      service: 'cell-2/api',
      address: '10.1.2.3',
      why: 'it presented no certificate',
      caller: true,
      count: 2,
      lastSeen: now,
    },
  ],
  now,
};
const longest = (text: string): number => Math.max(...text.split('\n').map((line) => line.length));
/** Without what only gives it its form. */
const letters = (text: string): string => text.replaceAll(/\s/g, '');

describe('a table', () => {
  const cell = fc.stringMatching(/^[a-z0-9/~:., -]{0,80}$/).map((text) => text.trim());
  it('of any cells fits where its headings do, and loses nothing', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(cell, cell, cell), { maxLength: 8 }),
        fc.integer({ min: 40, max: 120 }),
        (rows, width) => {
          const text = formatTable(['ONE', 'SECOND', 'THIRD ONE'], rows, width);
          expect(longest(text)).toBeLessThanOrEqual(width);
          const sorted = (all: string): string => [...letters(all)].toSorted().join('');
          expect(sorted(text)).toBe(sorted(`ONESECONDTHIRDONE${rows.flat().join('')}`));
        },
      ),
    );
  });
  it('is the same as without a width, where it fits', () => {
    const rows = [['a', 'b']];
    expect(formatTable(['X', 'Y'], rows)).toBe('X   Y\na   b\n');
    expect(formatTable(['X', 'Y'], rows, 80)).toBe('X  Y\na  b\n');
    expect(formatFields([['name', 'one two three']], 15)).toBe('name   one two\n       three\n');
  });
});

describe('status', () => {
  it('fits 100 columns, and 60; wide has a row a line, with more columns', () => {
    for (const width of [60, 80, 100]) expect(longest(formatStatus(view, { width }))).toBeLessThanOrEqual(width);
    const wide = formatStatus(view);
    expect(wide).toContain('CONTROL PLANE');
    expect(wide).toContain('DOCUMENT');
    expect(longest(wide)).toBeGreaterThan(100);
    const narrow = formatStatus(view, { width: 100 });
    expect(narrow).not.toContain('DOCUMENT');
    expect(narrow).toMatch(/^cell-1\/api +strict +1\/2 /m);
  });

  it('lists applications that do not answer, or can be reached around their sidecar; wide, all', () => {
    const narrow = formatStatus(view, { width: 160 });
    expect(narrow).toMatch(/~77aa77aa +127\.0\.0\.1:8080 +NO \(ECONNREFUSED\) +::1 +-$/m);
    expect(narrow).toMatch(/~00112233 +127\.0\.0\.1:8080 +yes +0\.0\.0\.0 +YES: 0\.0\.0\.0:8080$/m);
    const applications = (text: string): number =>
      text.split('\n').filter((line) => line.includes('127.0.0.1:8080')).length;
    expect(applications(narrow)).toBe(2);
    expect(applications(formatStatus(view))).toBe(view.proxies.length);
  });

  it('counts a proxy that is connected, has accepted everything and whose application answers, of all that are known', () => {
    const listener = 'type.googleapis.com/envoy.config.listener.v3.Listener';
    const cluster = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';
    const nack = { revision: 7, message: 'no', resources: [] };
    const rowOf = (...more: readonly Partial<Proxy>[]): string => {
      const proxies = more.map((one, at) => proxy('web', `p${at}`, one));
      const text = formatStatus({ ...view, services: [service('web')], proxies, traffic: [] }, { width: 160 });
      return /^web +strict +(.*?) *$/m.exec(text)?.[1]?.replace(/ +/, ' ') ?? '';
    };
    const accepted = { typeUrl: listener, sentRevision: 7, ackedRevision: 7 };
    expect(rowOf({ types: [accepted] })).toBe('1/1 done');
    expect(rowOf()).toBe('0/0 strict, but no proxy serves');
    expect(rowOf({}, { state: 'held' })).toBe('1/2 done');
    expect(rowOf({}, { state: 'gone', ready: false })).toBe('1/2 done');
    expect(rowOf({ state: 'gone', ready: false })).toBe('0/1 strict, but no proxy serves');
    expect(rowOf({}, { applicationState: down })).toBe('1/2 done');
    expect(rowOf({ applicationState: down })).toBe('0/1 strict, but no proxy serves');
    // It listens as it did before the service was strict, perhaps.
    const behind = '1/2 strict, but not accepted by 1 of 2 proxies';
    expect(rowOf({}, { types: [{ ...accepted, ackedRevision: 6 }] })).toBe(behind);
    expect(rowOf({}, { types: [{ ...accepted, nack }] })).toBe(behind);
    expect(rowOf({}, { withheld: 'a check of our own' })).toBe(behind);
    expect(rowOf({}, { types: [{ typeUrl: cluster, nack }] })).toBe('1/2 done');
    const outbound = { ...nack, resources: [{ name: 'outbound:api', madeBy: [] }] };
    expect(rowOf({}, { types: [{ ...accepted, nack: outbound }] })).toBe('1/2 done');
  });

  it('of one service has that one, its proxies, calls to it and those that it makes', () => {
    const one = selectStatus(view, { service: 'web' });
    expect(one.services.map((each) => each.service)).toEqual(['web']);
    expect(one.proxies.length).toBe(1);
    expect(one.traffic.length).toBe(2);
    expect(one.handshakes).toEqual([]);
    const text = formatStatus(one, { width: 100, some: true });
    expect(text).not.toContain('trust domain');
    expect(text).toContain('APPLICATION OF');
  });

  it('of a cell has its services alone', () => {
    const { services, proxies, traffic } = selectStatus(view, { cell: 'cell-1' });
    expect(services.map((each) => each.service)).toEqual(['cell-1/api', 'cell-1/topology-service']);
    expect([proxies.length, traffic.length]).toEqual([3, 1]);
  });

  it('of problems has what is not in order alone', () => {
    const { services, proxies, traffic, handshakes } = selectStatus(view, { problems: true });
    expect(services.map((each) => each.service)).toEqual(['cell-1/api', 'cell-2/api']);
    expect(proxies.map(({ node }) => node.split('~')[1])).toEqual(['77aa77aa', '00112233']);
    expect([traffic.length, handshakes?.length]).toEqual([1, 1]);
  });

  it('of what there is not says what there is', () => {
    expect(() => selectStatus(view, { service: 'api' })).toThrow('no service "api"');
    expect(() => selectStatus(view, { cell: 'cell-9' })).toThrow('no cell with a service "cell-9"');
  });
});
