// The issuer: who may have a certificate, what it says, and that every one is on record.
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { IssuedCertificate } from '../../src/identity/issued-log.ts';
import { createIssuer, type Issuer } from '../../src/identity/issuer.ts';
import { type OpenAuthority, openAuthority } from '../../src/identity/open-authority.ts';
import { backdateFor } from '../../src/identity/rotation.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { Table } from '../../src/lib/table.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { domainOf, idOf } from '../support/identity-harness.ts';
import { createMemoryTable } from '../support/memory-table.ts';

const hour = 3_600_000;
const api = idOf('spiffe://td1/service/api');
let dir: string;
let authority: OpenAuthority;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cellwall-issuer-'));
  const trustDomain = domainOf('td1');
  authority = await openAuthority({}, { dir: join(dir, 'ca'), trustDomain, clock: systemClock, log: silentLog });
});

afterAll(async () => {
  await authority.close();
  rmSync(dir, { recursive: true, force: true });
});

function issuerOver(table: Table): Issuer {
  return createIssuer({
    signer: authority.signer,
    trustDomain: domainOf('td1'),
    policy: (id) => (id === api ? { lifetimeMs: hour, dnsNames: ['api.local'], commonName: 'api' } : undefined),
    table,
    clock: systemClock,
    log: silentLog,
  });
}

describe('when certificates begin', () => {
  it(
    'as far back as hosts need, of a key that their holder made ten minutes back; no later an end, and never before ' +
      'its issuer',
    async () => {
      let behind = 0;
      const issuer = createIssuer({
        ...{
          signer: authority.signer,
          trustDomain: domainOf('td1'),
          table: createMemoryTable(),
          clock: systemClock,
          log: silentLog,
        },
        policy: () => ({ lifetimeMs: hour, dnsNames: [] }),
        backdate: () => backdateFor(behind),
      });
      const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const ca = Date.parse(
        new X509Certificate((await issuer.issue(api)).chain.split(/(?<=-----END CERTIFICATE-----\n)/)[1] ?? '')
          .validFrom,
      );
      for (const [minutes, back] of [
        [0, 10],
        [5, 10],
        [20, 21],
        [54, 55],
        [600, 55],
      ] as const) {
        behind = minutes * 60_000;
        for (const options of [{}, { publicKey }]) {
          const now = Date.now();
          const { notBefore, notAfter } = await issuer.issue(api, options);
          const earliest = Math.max(ca, now - back * 60_000);
          expect(Math.abs(notBefore.getTime() - earliest)).toBeLessThan(5000);
          expect(notAfter.getTime()).toBeLessThanOrEqual(Date.now() + hour);
        }
      }
    },
  );
});

describe('the issuer', () => {
  it('makes key and certificate as the policy says, records and tells it', async () => {
    const issuer = issuerOver(createMemoryTable());
    const told: IssuedCertificate[] = [];
    const unwatch = issuer.watch((certificate) => told.push(certificate));
    const svid = await issuer.issue(api);
    const leaf = new X509Certificate(svid.chain);
    expect(leaf.checkPrivateKey(createPrivateKey(svid.key?.reveal() ?? ''))).toBe(true);
    expect(leaf.subjectAltName).toBe('URI:spiffe://td1/service/api, DNS:api.local');
    expect(leaf.subject).toContain('CN=api');
    expect(svid.notAfter.getTime() - Date.now()).toBeLessThanOrEqual(hour);
    expect(JSON.stringify(svid)).not.toContain('PRIVATE');
    const record = { serial: leaf.serialNumber.toLowerCase(), spiffeId: api, purpose: 'pushed' };
    expect(await issuer.issued()).toEqual([expect.objectContaining(record)]);
    expect(told).toEqual([expect.objectContaining(record)]);
    unwatch();
    await issuer.issue(api);
    expect(told).toHaveLength(1);
  });

  it.each([
    ['spiffe://td1/service/other'],
    ['spiffe://td2/service/api'],
    ['spiffe://td1/cellwall/server'],
    ['spiffe://td1/cellwall/x/y'],
    ['spiffe://td1/cellwall/operators/x'],
  ])('gives %s nothing, whatever key it brings', async (id) => {
    const issuer = issuerOver(createMemoryTable());
    await expect(issuer.issue(idOf(id))).rejects.toMatchObject({ code: 'permission_denied' });
    expect(await issuer.issued()).toEqual([]);
  });

  it('ends with what earned it, and issues nothing after', async () => {
    const clock = createFakeClock(Date.now());
    const end = clock.now() + 60_000;
    const asked: unknown[] = [];
    const issuer = createIssuer({
      signer: authority.signer,
      trustDomain: domainOf('td1'),
      async policy(id, nodeKey) {
        asked.push([id, nodeKey]);
        return { lifetimeMs: hour, dnsNames: [], notAfter: end };
      },
      table: createMemoryTable(),
      clock,
      log: silentLog,
    });
    expect((await issuer.issue(api, { nodeKey: 'a'.repeat(64) })).notAfter.getTime()).toBeLessThanOrEqual(end);
    expect(asked).toEqual([[api, 'a'.repeat(64)]]);
    clock.advance(60_000);
    await expect(issuer.issue(api)).rejects.toMatchObject({ code: 'permission_denied' });
  });

  it('gives an operator an hour, with or without documents', async () => {
    const svid = await issuerOver(createMemoryTable()).issue(idOf('spiffe://td1/cellwall/operator/alice'));
    expect(new X509Certificate(svid.chain).subjectAltName).toBe('URI:spiffe://td1/cellwall/operator/alice');
    expect(svid.notAfter.getTime() - Date.now()).toBeLessThanOrEqual(60 * 60_000);
  });

  it('certifies the control plane itself when asked from inside', async () => {
    const issuer = issuerOver(createMemoryTable());
    const server = await issuer.issue(idOf('spiffe://td1/cellwall/server'), {
      internal: { lifetimeMs: hour, dnsNames: [] },
    });
    expect(server.spiffeId).toBe('spiffe://td1/cellwall/server');
    expect(await issuer.issued()).toEqual([expect.objectContaining({ purpose: 'server' })]);
  });

  it('issues while the table is away, and records it afterwards', async () => {
    const table = createMemoryTable();
    let away = true;
    const issuer = issuerOver({
      ...table,
      set: async (...args) => {
        if (away) throw new Error('away');
        await table.set(...args);
      },
    });
    const missed = [await issuer.issue(api), await issuer.issue(api)];
    expect(await issuer.issued()).toEqual([]);
    away = false;
    const last = await issuer.issue(api);
    const serials = new Set([...missed, last].map(({ serial }) => serial));
    const recorded = (await issuer.issued()).map((entry) =>
      typeof entry === 'object' && entry !== null && 'serial' in entry ? entry.serial : '',
    );
    expect(new Set(recorded)).toEqual(serials);
  });
});
