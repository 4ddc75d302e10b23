import { beforeAll, describe, expect, it } from 'vitest';
import type { PathIr } from '../../src/policy/authorization-ir.ts';
import { decide } from '../../src/policy/decide/decide.ts';
import { matchPath } from '../../src/policy/decide/match.ts';
import { canonicalPath } from '../../src/policy/decide/path.ts';
import type { MeshIr, PortIr, ServiceKey } from '../../src/policy/ir.ts';
import { portOf } from '../../src/policy/ports.ts';
import { createDecideRecorded } from '../../src/policy/replay/decide-recorded.ts';
import { covers, disjoint } from '../../src/policy/replay/match-recorded.ts';
import type { RecordedCall } from '../../src/policy/replay/recorded-call.ts';
import { createPathRecorder, oddPath, parsePathRule, pathRuleText } from '../../src/policy/replay/recorded-path.ts';
import { simulate } from '../../src/policy/replay/simulate.ts';
import { callerOf } from '../qualification/explain/matchers.ts';
import { createRandom } from '../qualification/explain/random.ts';
import { randomMesh } from '../qualification/explain/random-documents.ts';
import { type GeneratedRequest, randomRequest } from '../qualification/explain/random-requests.ts';
import { createTokens } from '../qualification/explain/tokens.ts';
import { cellText, meshOf, meshText, policyText, serviceText, yaml } from '../support/resolve-text.ts';
import { createTestCa } from '../support/test-ca.ts';

const web = 'spiffe://td1/cell/cell-1/service/web';
const api = (mode: 'permissive' | 'strict', ...policies: readonly string[]): MeshIr =>
  meshOf(
    yaml(
      meshText(mode),
      cellText('cell-1', 1),
      serviceText('cell-1/api', 'http1', ', health: {path: /healthz}'),
      serviceText('cell-1/web', 'http1', ', dependsOn: [{service: api, listen: 15001}]'),
      ...policies,
    ),
  );
const allowWeb = policyText('cell-1/web', 'api', 'allow', '[{from: [{service: web}], to: [{path: {prefix: /api}}]}]');
const recordedIn = (mesh: MeshIr, call: Partial<RecordedCall>, path: string): RecordedCall => ({
  service: 'cell-1/api',
  caller: 'plaintext',
  method: 'GET',
  path: createPathRecorder()(portOf(mesh, 'cell-1/api' as ServiceKey) as PortIr, path),
  decision: 'allowed',
  count: 1,
  lastSeen: 5,
  ...call,
});

describe('simulate', () => {
  it('tells who would newly be refused, how often and when last seen; probes of the health path are none', () => {
    const before = api('permissive');
    const { newlyDenied, newlyAllowed, cannotTell, replayed } = simulate(before, api('strict', allowWeb), [
      recordedIn(before, { peer: '10.0.0.7', count: 3 }, '/api/x'),
      recordedIn(before, { peer: '10.0.0.7', count: 4, lastSeen: 9 }, '/other'),
      recordedIn(before, {}, '/healthz'),
      recordedIn(before, { caller: 'mtls', principal: web }, '/api/x'),
    ]);
    // Of paths nothing was kept, as no rule named one: web may have called what the new rule allows, or not.
    expect(cannotTell).toMatchObject([{ principal: web, count: 1 }]);
    expect(newlyDenied).toMatchObject([
      { caller: 'plaintext', peer: '10.0.0.7', method: 'GET', count: 7, lastSeen: 9, by: 'handshake' },
    ]);
    expect(newlyAllowed).toEqual([]);
    expect(replayed).toBe(4);
  });

  it('tells who would newly be allowed', () => {
    const before = api('strict');
    const call = recordedIn(before, { caller: 'mtls', principal: web, decision: 'denied' }, '/api');
    const all = policyText('cell-1/web', 'api', 'allow', '[{from: [{service: web}]}]');
    expect(simulate(before, api('strict', all), [call])).toMatchObject({
      newlyAllowed: [{ principal: web, by: 'cell-1/web/0' }],
      newlyDenied: [],
      cannotTell: [],
    });
  });

  it('does not look at what a change does not touch', () => {
    const mesh = api('strict', allowWeb);
    const call = recordedIn(mesh, { path: oddPath }, '/');
    expect(simulate(mesh, api('strict', allowWeb), [call])).toMatchObject({ cannotTell: [], replayed: 1 });
  });

  it('knows what the rules at the time told apart, and what follows from it', () => {
    const before = api('strict', allowWeb);
    const call = recordedIn(before, { caller: 'mtls', principal: web }, '/api/secret-project/4');
    expect(JSON.stringify(call)).not.toContain('secret-project');
    const denying = (path: string): MeshIr =>
      api(
        'strict',
        allowWeb,
        policyText('cell-1/no', 'api', 'deny', `[{from: [{everyone: true}], to: [{path: ${path}}]}]`),
      );
    expect(simulate(before, denying('{prefix: /}'), [call]).newlyDenied).toHaveLength(1);
    expect(simulate(before, denying('{prefix: /admin}'), [call])).toMatchObject({ newlyDenied: [], cannotTell: [] });
    expect(simulate(before, denying('{prefix: /api/v4}'), [call]).cannotTell).toHaveLength(1);
  });
});

describe('random documents and requests', () => {
  let legacy: string;
  beforeAll(async () => {
    legacy = (await createTestCa('legacy')).root;
  });

  it('never say of a record what is not decided of the request', () => {
    const tokens = createTokens();
    let [told, untold] = [0, 0];
    for (let seed = 1; seed <= 40; seed++) {
      const random = createRandom(seed);
      const [first, second] = [randomMesh(random, legacy, tokens), randomMesh(random, legacy, tokens)];
      const [then, now] = [meshOf(first.text), meshOf(second.text)];
      const keep = createPathRecorder();
      for (let i = 0; i < 60; i++) {
        const request = randomRequest(random, random.chance(0.5) ? first : second);
        const target = request.target as string as ServiceKey;
        const [old, service] = [portOf(then, target), portOf(now, target)];
        if (old === undefined || service === undefined) continue;
        const caller = callerOf(request);
        if (caller.kind === 'id' && !caller.id.startsWith('spiffe://td1/')) continue;
        const recorded = createDecideRecorded(
          now,
          service,
        )({
          caller: caller.kind === 'id' ? 'mtls' : caller.via,
          ...(caller.kind === 'id' ? { principal: caller.id } : {}),
          method: request.method,
          path: pathKept(old, request, keep),
        });
        const asked = { target: service.key, port: service.port };
        const actual = decide(now, { ...asked, caller, method: request.method, path: request.path });
        if (recorded.outcome === 'unknown') untold++;
        else {
          told++;
          expect([recorded.outcome, request], `seed ${seed}`).toEqual([actual.outcome, request]);
        }
      }
    }
    expect(told).toBeGreaterThan(untold);
  });

  it('rules of paths cover one another, or meet nowhere, as paths say', () => {
    const random = createRandom(7);
    const segment = (): string => random.pick(['a', 'b', 'a.b', 'ab']);
    const rule = (): PathIr => {
      const segments = Array.from({ length: 1 + random.int(3) }, segment);
      const path = `/${segments.join('/')}`;
      if (random.chance(0.3)) return { kind: 'exact', path };
      if (random.chance(0.5))
        return { kind: 'prefix', path: random.chance(0.1) ? '/' : path + (random.chance(0.3) ? '/' : '') };
      return { kind: 'template', segments: segments.map((text) => (random.chance(0.4) ? null : text)) };
    };
    const paths = [
      '/',
      ...['a', 'b', 'ab'].flatMap((x) => [`/${x}`, `/${x}/`, `/${x}/a`, `/${x}/b/ab`, `/${x}/a.b`, `/${x}/x/y/z`]),
    ];
    for (let i = 0; i < 3000; i++) {
      const [one, other] = [rule(), rule()];
      expect(parsePathRule(pathRuleText(one))).toEqual(one);
      for (const path of paths) {
        if (covers(one, other) && matchPath(other, path))
          expect([one, other, matchPath(one, path)]).toEqual([one, other, true]);
        if (disjoint(one, other)) expect(matchPath(one, path) && matchPath(other, path)).toBe(false);
      }
    }
  });
});

function pathKept(service: PortIr, request: GeneratedRequest, keep: ReturnType<typeof createPathRecorder>) {
  const canonical = canonicalPath(request.path, service.escapedSlashes);
  return canonical.kind === 'rejected' ? oddPath : keep(service, canonical.path);
}
