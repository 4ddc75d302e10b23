// From facts to a diagnosis: each cause alone, what accounts for what, and which comes first. The control: an edge without a fault.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CauseName } from '../../src/doctor/cause.ts';
import { diagnose } from '../../src/doctor/diagnose.ts';
import type { Facts, ProxyFacts } from '../../src/doctor/facts.ts';
import { answered, apiNode, healthy, minute, now, ofCaller, ofService, webNode } from './healthy-facts.ts';

const reset = (why: string): string => `upstream_reset_before_response_started{${why}}`;
const rejected = (type: string, resource: string): ProxyFacts['rejected'] => [
  { type, message: 'no', resources: [resource], madeBy: ['EnvoyResource/odd (a.yaml:9)'] },
];

interface Fault {
  readonly cause: CauseName;
  readonly change: (facts: Facts) => Facts;
  readonly what: RegExp;
  readonly toDo: RegExp;
}

/** Each breaks calls by itself. */
const faults: readonly Fault[] = [
  {
    cause: 'not-a-dependency',
    change: ({ documents: { listen: _, ...documents }, ...facts }) => ({ ...facts, documents }),
    ...{ what: /Service\/web does not depend on api/, toDo: /dependsOn/ },
  },
  {
    cause: 'denied',
    change: (facts) => ({
      ...facts,
      policy: { ...facts.policy, outcome: 'denied', stage: 'default', reason: 'no allow rule matches', rule: 'rule' },
      traffic: {},
    }),
    ...{ what: /policy denies GET \/: no allow rule matches/, toDo: /apply the rule/ },
  },
  {
    cause: 'no-proxy',
    change: (facts) => ({ ...facts, service: { ...facts.service, proxies: [] } }),
    ...{ what: /no sidecar of api is known/, toDo: /--listen/ },
  },
  {
    cause: 'svid-refused',
    change: (facts) => ({
      ...facts,
      service: { ...facts.service, proxies: [], refusedSvids: [{ reason: 'no selector matches', at: now - minute }] },
    }),
    ...{ what: /gets none: no selector matches/, toDo: /doctor svid/ },
  },
  {
    cause: 'proxy-gone',
    change: (facts) => ofService(facts, { state: 'held' }),
    ...{ what: /api~a1 is gone since .* for 30 s/, toDo: /start it again/ },
  },
  {
    cause: 'configuration-rejected',
    change: (facts) => ofService(facts, { rejected: rejected('Cluster', 'inbound') }),
    ...{ what: /rejects its Cluster \(inbound\): no/, toDo: /EnvoyResource\/odd \(a.yaml:9\)/ },
  },
  {
    cause: 'port-taken',
    change: (facts) => ofCaller(facts, { takenPorts: [{ address: '127.0.0.1', port: 9000, holder: 'pid 1 (nc)' }] }),
    ...{ what: /cannot listen on 127.0.0.1:9000, which is held by pid 1 \(nc\)/, toDo: /dependsOn.listen/ },
  },
  {
    cause: 'not-registered',
    change: (facts) => ofService(facts, { takesCalls: false, notRegistered: 'another proxy has it' }),
    ...{ what: /callers are not sent to .*: another proxy has it/, toDo: /--listen/ },
  },
  {
    cause: 'listens-nowhere',
    change: (facts) => ({
      ...facts,
      service: {
        ...facts.service,
        proxies: facts.service.proxies.map(({ inbound: _, ...one }) => ({ ...one, takesCalls: false })),
      },
    }),
    ...{ what: /takes no calls/, toDo: /--listen/ },
  },
  {
    cause: 'not-ready',
    change: (facts) => ofService(facts, { ready: false, takesCalls: false, unanswered: ['Listener'] }),
    ...{ what: /no answer about Listener/, toDo: /its log/ },
  },
  {
    cause: 'certificate-ended',
    change: (facts) => ofService(facts, { certificate: { serial: 'ab', notAfter: now - minute } }),
    ...{ what: /ended at 2026-11-29T11:59:00Z/, toDo: /doctor svid/ },
  },
  {
    cause: 'certificate-not-yet',
    change: (facts) =>
      ofCaller(facts, { certificate: { serial: 'ab', notBefore: now + minute, notAfter: now + 9 * minute } }),
    ...{ what: /begins at 2026-11-29T12:01:00Z/, toDo: /clocks/ },
  },
  {
    cause: 'certificate-other-root',
    change: (facts) => ofService(facts, { certificate: { serial: 'ab', notAfter: now + minute, root: 'other' } }),
    ...{ what: /root other, which is not in force/, toDo: /certs rotate/ },
  },
  {
    cause: 'clock-off',
    change: (facts) => ofCaller(facts, { clockOffsetMs: -60 * minute }),
    ...{ what: /is 3600 s behind/, toDo: /NTP/ },
  },
  {
    cause: 'application-down',
    change: (facts) => ofService(facts, { applicationState: { answers: false, why: 'ECONNREFUSED', around: [] } }),
    ...{ what: /nothing takes connections at 127.0.0.1:8080 \(ECONNREFUSED\)/, toDo: /--app/ },
  },
  {
    cause: 'application-elsewhere',
    change: (facts) => ofService(facts, { applicationState: { answers: false, on: ['::1'], around: [] } }),
    ...{ what: /expected at 127.0.0.1:8080, and listens on ::1 alone/, toDo: /have it listen on/ },
  },
];

it('where nothing is wrong, it says so, and what was looked at', () => {
  const { verdict, findings, checked } = diagnose(healthy);
  expect({ verdict, findings }).toEqual({ verdict: 'fine', findings: [] });
  expect(checked.join('\n')).toMatch(
    /web reaches api on 127.0.0.1:9000[\s\S]*1 of 1 proxy of api connected[\s\S]*policy allows/,
  );
});

describe.each(faults)('$cause', ({ cause, change, what, toDo }) => {
  it('is found, alone', () => {
    const { verdict, findings } = diagnose(change(healthy));
    expect(verdict).toBe('broken');
    const [first] = findings;
    expect(first).toMatchObject({ cause, weight: 'breaks' });
    expect(first?.what).toMatch(what);
    expect(first?.toDo).toMatch(toDo);
  });
});

it('of several at once, none hides another', () => {
  // No two that change the same part.
  const apart = ['denied', 'port-taken', 'configuration-rejected', 'application-down', 'clock-off'];
  fc.assert(
    fc.property(fc.subarray(apart), (names) => {
      const chosen = faults.filter(({ cause }) => names.includes(cause));
      const { findings } = diagnose(chosen.reduce((facts, { change }) => change(facts), healthy));
      const causes = findings.filter(({ weight }) => weight === 'breaks').map((finding) => finding.cause);
      expect(causes.toSorted()).toEqual(names.toSorted());
      for (const finding of findings) expect([finding.what, finding.toDo]).not.toContain('');
    }),
  );
});

it('what was seen is told as its cause, not beside it', () => {
  const gone = ofService(answered(healthy, { details: 'no_healthy_upstream' }), { state: 'held' });
  expect(diagnose(gone).findings).toMatchObject([
    { cause: 'proxy-gone', evidence: [expect.stringContaining('GET /x was answered 503 by td1/service/web~a1')] },
  ]);
  const down = ofService(
    answered(healthy, {
      kind: 'failed',
      node: apiNode,
      details: reset('remote_connection_failure|delayed_connect_error:_Connection_refused'),
    }),
    { applicationState: { answers: false, around: [] } },
  );
  expect(diagnose(down).findings.map(({ cause }) => cause)).toEqual(['application-down']);
});

it('what the last call met comes before what would break others', () => {
  const facts = ofCaller(answered(healthy, { details: 'too_many_headers', status: 431 }), {
    clockOffsetMs: -60 * minute,
  });
  expect(diagnose(facts).findings.map(({ cause }) => cause)).toEqual(['too-many-headers', 'clock-off']);
  // The control: without that call.
  expect(diagnose(ofCaller(healthy, { clockOffsetMs: -60 * minute })).findings.map(({ cause }) => cause)).toEqual([
    'clock-off',
  ]);
});

it('an answer with nothing behind it is a failure of its own, and says if calls got through since', () => {
  const facts = answered(healthy, {
    kind: 'failed',
    node: apiNode,
    at: now - 2 * minute,
    details: reset('connection_termination'),
  });
  const { verdict, findings } = diagnose(facts);
  expect(verdict).toBe('failing');
  expect(findings).toMatchObject([{ cause: 'application-closes', weight: 'seen', side: 'service', node: apiNode }]);
  expect(findings[0]?.evidence).toEqual([expect.any(String), expect.stringContaining('got through since')]);
});

it('a denial of a call that nobody asked about is no cause while others are allowed', () => {
  const denied = { ...healthy.policy, outcome: 'denied', stage: 'default', otherOperations: true } as const;
  expect(diagnose({ ...healthy, policy: denied, traffic: {} }).verdict).toBe('fine');
  // The control: nothing is allowed; this one was asked about; this one was denied.
  expect(diagnose({ ...healthy, policy: { ...denied, otherOperations: false }, traffic: {} }).verdict).toBe('broken');
  const asked = { ...healthy.call, operation: { from: 'asked', method: 'GET', path: '/y' } } as const;
  expect(diagnose({ ...healthy, call: asked, policy: denied, traffic: {} }).verdict).toBe('broken');
  const seen = answered({ ...healthy, policy: denied, traffic: {} }, { kind: 'denied', node: apiNode, status: 403 });
  expect(diagnose(seen)).toMatchObject({
    verdict: 'broken',
    findings: [{ cause: 'denied', evidence: [expect.stringContaining('was denied')] }],
  });
});

it('one dead replica beside a good one is a note', () => {
  const [good] = healthy.service.proxies;
  if (good === undefined) throw new Error('no proxy');
  const dead = { ...good, node: `${apiNode}2`, applicationState: { answers: false, around: [] } };
  const { verdict, findings } = diagnose({ ...healthy, service: { ...healthy.service, proxies: [good, dead] } });
  expect(verdict).toBe('fine');
  expect(findings).toMatchObject([{ cause: 'application-down', weight: 'note', node: `${apiNode}2` }]);
});

it('a way around the sidecar is told, and breaks nothing', () => {
  const facts = ofService(healthy, { applicationState: { answers: true, on: ['0.0.0.0'], around: ['0.0.0.0'] } });
  expect(diagnose(facts)).toMatchObject({
    verdict: 'fine',
    findings: [{ cause: 'application-around', weight: 'note' }],
  });
});

it('a denial at a TCP service is one of connections: they have no method', () => {
  const policy = { ...healthy.policy, outcome: 'denied', stage: 'default', reason: 'no rule' } as const;
  const what = (protocol: 'http1' | 'tcp') =>
    diagnose({ ...healthy, call: { ...healthy.call, protocol, operation: { from: 'any' } }, policy, traffic: {} })
      .findings[0]?.what;
  expect(what('tcp')).toMatch(/^policy denies connections: no rule/);
  expect(what('http1')).toMatch(/^policy denies GET \/: no rule/);
});

it('a caller without an identity at a strict service is told what it lacks', () => {
  const { verdict, findings } = diagnose({
    ...healthy,
    call: { ...healthy.call, caller: 'anonymous', anonymous: 'plaintext' },
    documents: { needsDependency: false, refused: [] },
    caller: { who: 'anonymous', proxies: [], refusedSvids: [] },
    policy: { ...healthy.policy, outcome: 'denied', stage: 'handshake', reason: 'the service is strict' },
    traffic: {},
  });
  expect(verdict).toBe('broken');
  expect(findings).toMatchObject([{ cause: 'plaintext-caller', toDo: expect.stringContaining('sidecar') }]);
});

it('what could not be looked at, and may hide a cause, is not called fine', () => {
  const unseen = [{ text: 'the control plane b did not answer', hides: true }];
  expect(diagnose({ ...healthy, unseen })).toMatchObject({ verdict: 'unknown', findings: [] });
  // What hides nothing does not count, and a cause that is found is one.
  expect(diagnose({ ...healthy, unseen: [{ text: 'x', hides: false }] }).verdict).toBe('fine');
  expect(diagnose(ofService({ ...healthy, unseen }, { state: 'held' })).verdict).toBe('broken');
});

it('of a fault that a thousand proxies have, three are told, and how many more', () => {
  const [one] = healthy.service.proxies;
  if (one === undefined) throw new Error('no proxy');
  const proxies = Array.from({ length: 1000 }, (_, at) => ({
    ...one,
    node: `spiffe://td1/service/api~${at}`,
    applicationState: { answers: false, around: [] },
  }));
  const { findings } = diagnose({ ...healthy, service: { ...healthy.service, proxies } });
  expect(findings.map(({ cause }) => cause)).toEqual(Array(3).fill('application-down'));
  expect(findings[2]?.evidence).toContain('997 more of its proxies have the same fault');
});

it('what a proxy lies about itself breaks nothing: any time, any text', () => {
  const time = fc.oneof(fc.integer(), fc.double(), fc.constantFrom(Number.MAX_SAFE_INTEGER, -8.7e15, Number.NaN));
  fc.assert(
    fc.property(time, time, fc.string(), (one, other, text) => {
      const lying = ofService(answered(healthy, { at: one, details: text, path: text }), {
        ...{ since: one, clockOffsetMs: other, certificate: { serial: 'ab', notAfter: one, notBefore: other } },
        takenPorts: [{ address: '10.0.0.1', port: 8443, holder: text }],
      });
      expect(diagnose(lying).findings.every(({ what, toDo }) => what !== '' && toDo !== '')).toBe(true);
    }),
  );
});

it('several things that one proxy rejects are told, each', () => {
  const parts = ['Cluster', 'Listener', 'Secret', 'TypedExtensionConfig'];
  const { findings } = diagnose(ofService(healthy, { rejected: parts.flatMap((type) => rejected(type, 'inbound')) }));
  expect(findings.filter(({ cause }) => cause === 'configuration-rejected')).toHaveLength(4);
});

it('the same facts give the same diagnosis', () => {
  const facts = faults.reduce(
    (all, { change }) => change(all),
    answered(healthy, { node: webNode, details: reset('SAN') }),
  );
  expect(diagnose(facts)).toEqual(diagnose(structuredClone(facts)));
});
