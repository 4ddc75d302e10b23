// What is wrong in the whole mesh: the control plane's own faults, services without callers, edges whose calls fail; each told once.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { diagnose } from '../../src/doctor/diagnose.ts';
import type { ControlFacts } from '../../src/doctor/mesh/control-facts.ts';
import { diagnoseMesh, type MeshFacts } from '../../src/doctor/mesh/diagnose-mesh.ts';
import { answered, apiNode, healthy, minute, now, ofService } from './healthy-facts.ts';

const control: ControlFacts = { ready: true, reasons: [], problems: [] };
const asService = {
  ...healthy,
  call: { ...healthy.call, caller: 'plaintext', anonymous: 'plaintext' },
  caller: { who: 'anonymous', proxies: [], refusedSvids: [] },
};
const mesh: MeshFacts = { now, control, ports: [asService], edges: [], unseen: [] };
const down = { applicationState: { answers: false, why: 'ECONNREFUSED', around: [] } };

it('where nothing is wrong, it says so, and what was looked at', () => {
  expect(diagnoseMesh(mesh)).toEqual({
    verdict: 'fine',
    findings: [],
    omitted: 0,
    checked: [
      'the control plane is ready',
      '1 of 1 proxy of 1 service without a fault',
      'no call is known to have failed within the last minutes',
    ],
  });
});

it('what could not be looked at is not fine', () => {
  const unseen = [{ text: 'the control plane started 2 s ago', hides: true }];
  expect(diagnoseMesh({ ...mesh, unseen })).toMatchObject({ verdict: 'unknown', findings: [] });
});

it('a fault of a service is told without a call, and with the calls that met it, once', () => {
  const alone = diagnoseMesh({ ...mesh, ports: [ofService(asService, down)] });
  expect(alone).toMatchObject({
    verdict: 'broken',
    findings: [{ cause: 'application-down', node: apiNode, calls: [] }],
  });
  const { findings } = diagnose(
    ofService(
      answered(healthy, { kind: 'failed', details: 'upstream_reset_before_response_started{x_connection_failure}' }),
      down,
    ),
  );
  const edges = ['web -> api', 'worker -> api'].map((call) => ({ call, findings }));
  const both = diagnoseMesh({ ...mesh, ports: [ofService(asService, down)], edges });
  expect(both.findings).toMatchObject([{ cause: 'application-down', calls: ['web -> api', 'worker -> api'] }]);
});

it('whom policy refuses is told, and breaks nothing: it does its work', () => {
  const finding = {
    cause: 'denied',
    weight: 'breaks',
    what: 'policy denies it',
    toDo: 'a rule',
    evidence: [],
  } as const;
  const told = diagnoseMesh({ ...mesh, edges: [{ call: 'worker -> api', findings: [finding] }] });
  expect(told).toMatchObject({
    verdict: 'fine',
    findings: [{ cause: 'denied', weight: 'note', calls: ['worker -> api'] }],
  });
});

const faults: readonly (readonly [string, Partial<ControlFacts>, string, RegExp])[] = [
  ['control-plane-not-ready', { ready: false, reasons: ['no documents'] }, 'broken', /not ready: no documents/],
  [
    'store-away',
    { storeTrouble: { kind: 'away', since: now, reason: 'ECONNREFUSED' } },
    'failing',
    /away since .*ECONNREFUSED/,
  ],
  ['store-read-only', { storeTrouble: { kind: 'read-only', since: now, reason: 'EROFS' } }, 'failing', /read-only/],
  [
    'documents-refused',
    { problems: [{ severity: 'error', source: { file: 'a.yaml', line: 3, column: 5 }, message: 'no such service' }] },
    'failing',
    /a\.yaml:3:5: no such service/,
  ],
  ['control-plane-gone', { replicas: [{ id: 'b', alive: false }] }, 'failing', /control plane b is gone/],
  ['parent-away', { parent: { parent: 'p:1', connected: false, since: now } }, 'failing', /p:1 is not connected/],
  [
    'runs-out',
    { runningOut: [{ kind: 'root', name: 'r', notAfter: now + minute, hint: 'rotate' }] },
    'fine',
    /ends at/,
  ],
  ['has-ended', { runningOut: [{ kind: 'root', name: 'r', notAfter: now, hint: 'rotate' }] }, 'broken', /ended at/],
  [
    'keys-missing',
    { issuerKeys: [{ issuer: 'g', url: 'u', keys: 0, error: { message: 'no', at: now } }] },
    'broken',
    /no token of it/,
  ],
  [
    'keys-not-fetched',
    { issuerKeys: [{ issuer: 'g', url: 'u', keys: 1, error: { message: 'no', at: now } }] },
    'failing',
    /stay/,
  ],
  [
    'roots-missing',
    { foreignBundles: [{ trustDomain: 'p', roots: 0, error: { message: 'no', at: now } }] },
    'broken',
    /let in/,
  ],
  [
    'roots-not-fetched',
    { foreignBundles: [{ trustDomain: 'p', roots: 1, error: { message: 'no', at: now } }] },
    'failing',
    /stay/,
  ],
  ['credential-missing', { missingCredentials: [{ secret: 's', services: ['api'] }] }, 'broken', /callers of api/],
  [
    'bundle-not-published',
    { publishers: [{ name: 'd:x', confirmed: false, error: { message: 'EIO', at: now } }] },
    'failing',
    /EIO/,
  ],
  ['ban-not-enforced', { bans: { count: 1, waiting: ['a', 'b', 'c', 'd'] } }, 'failing', /a, b, c and 1 more/],
  ['svids-refused', { refusedSvids: 2 }, 'failing', /2 who asked/],
  [
    'rotation-held',
    { rotation: { phase: 'renew', held: 1, holdUps: [{ who: 'x', why: 'away' }] } },
    'fine',
    /waits for 1: x: away/,
  ],
  ['changes-wait', { waiting: 2 }, 'fine', /2 changes wait/],
];

it.each(faults)('%s', (cause, change, verdict, what) => {
  const answer = diagnoseMesh({ ...mesh, control: { ...control, ...change } });
  expect(answer.verdict).toBe(verdict);
  expect(answer.findings).toMatchObject([
    { cause, what: expect.stringMatching(what), toDo: expect.stringMatching(/./) },
  ]);
});

it('of forty at once none hides another; the worst come first, and what is left out is counted', () => {
  fc.assert(
    fc.property(fc.subarray([...faults]), fc.nat({ max: 100 }), (chosen, edges) => {
      const { storeTrouble: _, ...changes } = Object.assign({}, ...chosen.map(([, change]) => change));
      const facts = {
        ...mesh,
        control: { ...control, ...changes },
        edges: Array.from({ length: edges }, (_, at) => ({
          call: `w${at} -> s${at}`,
          findings: diagnose(answered(healthy, { details: 'too_many_headers', node: `spiffe://td1/service/w${at}~a` }))
            .findings,
        })),
      };
      const { findings, omitted } = diagnoseMesh(facts);
      expect(findings.length).toBeLessThanOrEqual(50);
      const of = { breaks: 0, seen: 1, note: 2 } as const;
      const weights = findings.map(({ weight }) => of[weight]);
      expect(weights).toEqual(weights.toSorted());
      const told = diagnoseMesh({ ...facts, edges: [] }).findings.length;
      expect(findings.length + omitted).toBe(told + edges);
    }),
  );
});
