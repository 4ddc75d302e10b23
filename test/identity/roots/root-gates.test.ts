// Who holds up which phase of a rotation, from what is known of proxies, hosts, certificates, tokens and callers.
import { beforeAll, describe, expect, it } from 'vitest';
import { type OwnFacts, ownHoldUps } from '../../../src/control/own-hold-ups.ts';
import { type SharedFacts, sharedHoldUps } from '../../../src/control/shared-hold-ups.ts';
import type { IssuedCertificate } from '../../../src/identity/issued-log.ts';
import { advance, begin, firstRecord, type RootsRecord, rootName } from '../../../src/identity/roots/roots-record.ts';
import type { SaidInUse } from '../../../src/identity/roots/said-in-use.ts';
import { createTrustBundle } from '../../../src/identity/trust-bundle.ts';
import type { ResourceStatus } from '../../../src/xds/csds/resource-status.ts';
import { typeUrls } from '../../../src/xds/resources/type-url.ts';
import { domainOf, idOf } from '../../support/identity-harness.ts';
import { testRoot } from '../../support/test-bundle.ts';

const now = 1_000_000;
const node = 'spiffe://td1/service/api~a1';
const hostKey = 'ab'.repeat(32);
let [first, second, oldName, newName] = ['', '', '', ''];
beforeAll(async () => {
  [first, second] = [await testRoot(), await testRoot()];
  [oldName, newName] = [rootName(first), rootName(second)];
});

function at(phase: string, quietMs = 0): RootsRecord {
  let record = begin(firstRecord(first), { id: '0123456789abcdef', startedAt: now, by: 'ann', quietMs });
  while (record.rotation?.phase !== phase) record = advance(record, { now, successor: second });
  return record;
}

const secret = (status: ResourceStatus['status'], text: string): ResourceStatus => {
  const common = { typeUrl: typeUrls.secret, name: 'spiffe://td1', version: '1' };
  return { ...common, status, resource: { ...common, value: Buffer.from(text) } };
};
const proxy = { node, state: 'connected' as const, since: 0, run: 'r1', holder: hostKey };

function own(given: Partial<OwnFacts> = {}): OwnFacts {
  return {
    bundle: createTrustBundle({ trustDomain: domainOf('td1'), sequence: 7, roots: [first, second] }),
    server: newName,
    signer: newName,
    proxies: [proxy],
    secrets: () => [secret('synced', first + second)],
    inUse: () => ({ roots: [oldName, newName] }),
    publishers: [],
    ...{ self: 'this control plane', isAlive: () => true, callers: [], issuers: new Map(), now },
    ...given,
  };
}

function certificate(given: Partial<IssuedCertificate> = {}): IssuedCertificate {
  return {
    ...{ serial: '0a', spiffeId: idOf('spiffe://td1/service/api'), purpose: 'csr', nodeKey: hostKey, issuedAt: 1 },
    ...{ notBefore: new Date(0).toISOString(), notAfter: new Date(now + 60_000).toISOString() },
    ...{ root: oldName, trusts: oldName },
    ...given,
  };
}

function shared(given: Partial<SharedFacts> = {}): SharedFacts {
  const none = { issued: [], tokens: [], fetchedWithinMs: 0, elapsedMs: 0 };
  return { ...none, inUse: () => undefined, refused: () => false, connected: () => true, now, ...given };
}

const kinds = (list: readonly { readonly kind: string; readonly who: string }[]) =>
  list.map(({ kind, who }) => `${kind} ${who}`);

describe('publish', () => {
  it('is not held up by a proxy that asks for roots of other trust domains alone, for it calls nobody of this mesh', () => {
    const foreign = { ...secret('synced', 'roots of another trust domain'), name: 'spiffe://partner.example' };
    expect(ownHoldUps(at('publish'), own({ secrets: () => [foreign] }))).toEqual([]);
    const ofBoth = () => [foreign, secret('synced', first)];
    expect(kinds(ownHoldUps(at('publish'), own({ secrets: ofBoth })))).toEqual([`proxy ${node}`]);
  });

  it('is held up by nobody once everybody has the new root', () => {
    expect(ownHoldUps(at('publish'), own())).toEqual([]);
  });

  it.each<[string, Partial<OwnFacts>, string]>([
    ['has not accepted it', { secrets: () => [secret('stale', '')] }, `proxy ${node}`],
    ['rejected it', { secrets: () => [secret('error', '')] }, `proxy ${node}`],
    ['accepted only the old one', { secrets: () => [secret('synced', first)] }, `proxy ${node}`],
    ['has lost its stream', { proxies: [{ ...proxy, state: 'held' }] }, `proxy ${node}`],
    ['has a helper that does not listen', { inUse: () => undefined }, `helper ${node}`],
    ['has a helper of an earlier version', { inUse: () => ({ roots: [] }) }, `helper ${node}`],
  ])('is held up by a proxy that %s', (_what, given, holdUp) => {
    expect(kinds(ownHoldUps(at('publish'), own(given)))).toEqual([holdUp]);
  });

  it('is not held up here by a proxy whose stream another replica has, nor by a bare Envoy without a helper', () => {
    const secrets = () => [secret('stale', '')];
    expect(ownHoldUps(at('publish'), own({ secrets, proxies: [{ ...proxy, replica: 'b' }] }))).toEqual([]);
    const gone = own({ secrets, proxies: [{ ...proxy, replica: 'b' }], isAlive: () => false });
    expect(kinds(ownHoldUps(at('publish'), gone))).toEqual([`proxy ${node}`]);
    const bare = { node, state: 'connected', since: 0 } as const;
    expect(ownHoldUps(at('publish'), own({ proxies: [bare], inUse: () => undefined }))).toEqual([]);
  });

  it('is held up by a place that has an earlier bundle, and by one that cannot be read', () => {
    const place = { name: 'directory:/t', confirmed: true, sequence: 6, failures: 0, drifts: 0 };
    expect(kinds(ownHoldUps(at('publish'), own({ publishers: [place] })))).toEqual(['publisher directory:/t']);
    const broken = { ...place, confirmed: false, sequence: 7, error: { message: 'gone', at: 0 } };
    expect(ownHoldUps(at('publish'), own({ publishers: [broken] }))).toMatchObject([{ why: 'gone' }]);
    expect(ownHoldUps(at('publish'), own({ publishers: [{ ...place, sequence: 7 }] }))).toEqual([]);
  });

  it('is held up by a host that was given only the old root, until it ends, renews, says so, or is evicted or banned', () => {
    const held = (given: Partial<SharedFacts>) => kinds(sharedHoldUps(at('publish'), shared(given)));
    const who = `certificate spiffe://td1/service/api (node key ${hostKey.slice(0, 16)})`;
    expect(held({ issued: [certificate()] })).toEqual([who]);
    expect(held({ issued: [certificate({ trusts: '' })] })).toEqual([who]);
    expect(held({ issued: [certificate({ notAfter: new Date(now).toISOString() })] })).toEqual([]);
    const renewed = certificate({ issuedAt: 2, trusts: `${oldName} ${newName}` });
    expect(held({ issued: [renewed, certificate()] })).toEqual([]);
    expect(held({ issued: [certificate()], inUse: () => ({ roots: [oldName, newName] }) })).toEqual([]);
    expect(held({ issued: [certificate()], refused: () => true })).toEqual([]);
    expect(held({ issued: [certificate({ purpose: 'pushed' })] })).toEqual([]);
  });

  it('is held up by a host whose program was not told of the new root, whatever the host was given', () => {
    const both = [oldName, newName];
    const given = certificate({ confirmed: true, trusts: both.join(' ') });
    const held = (said: SaidInUse | undefined) =>
      sharedHoldUps(at('publish'), shared({ issued: [given], inUse: () => said }));
    expect(held(undefined)).toMatchObject([{ kind: 'certificate', why: expect.stringMatching(/not listening/) }]);
    expect(held({ roots: [oldName] })).toMatchObject([{ why: expect.stringMatching(/has not ended yet; serial 0a/) }]);
    const failed = 'it ended with 3';
    expect(held({ roots: [oldName], failed })).toMatchObject([
      { why: expect.stringMatching(/--on-renew failed \(it ended with 3\)/), nodeKey: hostKey },
    ]);
    // What failed since is about what came since.
    expect(held({ roots: both, under: oldName, failed })).toEqual([]);
    const { confirmed: _, ...asBefore } = given;
    expect(sharedHoldUps(at('publish'), shared({ issued: [asBefore] }))).toEqual([]);
  });

  it('is held up by a proxy that is away, and was sent a certificate without the new root', () => {
    const pushed = certificate({ purpose: 'pushed', node });
    const held = (given: Partial<SharedFacts>) =>
      kinds(sharedHoldUps(at('publish'), shared({ issued: [pushed], ...given })));
    expect(held({ connected: () => false })).toEqual([`certificate ${node}`]);
    expect(held({ connected: () => true })).toEqual([]);
    const later = { ...pushed, issuedAt: 2, trusts: `${oldName} ${newName}` };
    expect(held({ connected: () => false, issued: [pushed, later] })).toEqual([]);
    expect(held({ connected: () => false, now: now + 60_000 })).toEqual([]);
  });

  it('is held up by a join token that believes only the old root, unless it is spent', () => {
    const token = { spiffeId: idOf('spiffe://td1/a'), expiresAt: now + 1, uses: 1, used: 0, roots: [oldName] };
    const held = (given: object) => kinds(sharedHoldUps(at('publish'), shared({ tokens: [{ ...token, ...given }] })));
    expect(held({})).toEqual(['token spiffe://td1/a']);
    expect(held({ roots: [] })).toEqual(['token spiffe://td1/a']);
    expect(held({ used: 1 })).toEqual([]);
    expect(held({ roots: [oldName, newName] })).toEqual([]);
  });

  it('is held up until other trust domains that fetch the bundle have the new root', () => {
    const held = (elapsedMs: number, phase = 'publish') =>
      kinds(sharedHoldUps(at(phase), shared({ fetchedWithinMs: 360_000, elapsedMs })));
    expect(held(359_999)).toEqual(['quiet time']);
    expect(held(360_000)).toEqual([]);
    expect(held(0, 'renew')).toEqual([]);
  });
});

describe('renew and taint', () => {
  it.each(['renew', 'taint'] as const)(
    '%s is held up by a certificate under the old root that is not replaced',
    (phase) => {
      const held = (issued: readonly IssuedCertificate[]) => kinds(sharedHoldUps(at(phase), shared({ issued })));
      const pushed = certificate({ purpose: 'pushed', node });
      expect(held([pushed])).toEqual([`certificate ${node}`]);
      expect(held([pushed, { ...pushed, serial: '0b', issuedAt: 2, root: newName }])).toEqual([]);
      // Of another proxy of the same host: no replacement.
      const other = { ...pushed, node: 'spiffe://td1/service/api~b2', issuedAt: 2, root: newName };
      expect(held([pushed, other])).toEqual([`certificate ${node}`]);
      const { root: _, ...unknown } = certificate();
      expect(held([unknown])).toHaveLength(1);
      expect(held([certificate({ purpose: 'server' })])).toEqual([]);
    },
  );

  it.each(['renew', 'taint'] as const)(
    '%s is held up by a host whose program uses the certificate of before, though it was replaced',
    (phase) => {
      const roots = [oldName, newName];
      const renewed = certificate({ confirmed: true, serial: '0b', issuedAt: 2, root: newName });
      const held = (said: SaidInUse | undefined, given: Partial<SharedFacts> = {}) =>
        sharedHoldUps(at(phase), shared({ issued: [certificate(), renewed], inUse: () => said, ...given }));
      expect(held({ roots, under: newName })).toEqual([]);
      expect(held({ roots, under: oldName })).toMatchObject([
        { kind: 'certificate', why: expect.stringMatching(/has not ended yet/), nodeKey: hostKey },
      ]);
      expect(held({ roots, under: oldName, failed: 'it ended with 1' })).toHaveLength(1);
      expect(held(undefined)).toHaveLength(1);
      expect(held(undefined, { refused: () => true })).toEqual([]);
      expect(held(undefined, { now: now + 60_000 })).toEqual([]);
    },
  );

  it.each(['renew', 'taint'] as const)('%s is held up by a caller that was seen with one a moment ago', (phase) => {
    const seen = { issuer: 'td1 issuer 1', principal: 'spiffe://td1/a', service: 'api', at: now - 2000 };
    const issuers = new Map([['td1 issuer 1', [oldName]]]);
    const record = at(phase, 5000);
    const held = (given: Partial<OwnFacts>) => kinds(ownHoldUps(record, own({ issuers, ...given })));
    expect(held({ callers: [seen] })).toEqual(['caller spiffe://td1/a']);
    expect(held({ callers: [{ ...seen, at: now - 6000 }] })).toEqual([]);
    expect(held({ callers: [seen], issuers: new Map([['td1 issuer 1', [newName]]]) })).toEqual([]);
    expect(held({ callers: [{ ...seen, issuer: 'of somebody else' }] })).toEqual([]);
  });

  it('activate and renew wait for what signs here, and for its own certificate', () => {
    expect(ownHoldUps(at('activate'), own({ signer: oldName }))).toHaveLength(1);
    expect(ownHoldUps(at('renew'), own({ server: oldName }))).toHaveLength(1);
    expect(ownHoldUps(at('renew'), own())).toEqual([]);
  });

  it('taint lasts for the time that was asked for, and looks back as far', () => {
    const record = at('taint', 60_000);
    expect(sharedHoldUps(record, shared({ elapsedMs: 59_000 }))).toMatchObject([{ kind: 'quiet' }]);
    expect(sharedHoldUps(record, shared({ elapsedMs: 60_000 }))).toEqual([]);
    const seen = { issuer: 'i', principal: 'spiffe://td1/a', service: 'api', at: now + 30_000 };
    const facts = own({ callers: [seen], issuers: new Map([['i', [oldName]]]), now: now + 80_000 });
    expect(kinds(ownHoldUps(record, facts))).toEqual(['caller spiffe://td1/a']);
  });
});
