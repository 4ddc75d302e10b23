// A change widens nothing only if nobody can do more after it: told by example, and by random edits with random requests.
import { describe, expect, it } from 'vitest';
import { decide } from '../../src/policy/decide/decide.ts';
import type { MeshIr, ServiceKey } from '../../src/policy/ir.ts';
import { portOf } from '../../src/policy/ports.ts';
import { wideningReasons } from '../../src/policy/widening.ts';
import { callerOf } from '../qualification/explain/matchers.ts';
import { createRandom, type Random } from '../qualification/explain/random.ts';
import { randomMesh } from '../qualification/explain/random-documents.ts';
import { randomRequest } from '../qualification/explain/random-requests.ts';
import { createTokens } from '../qualification/explain/tokens.ts';
import { cellText, meshOf, meshText, policyText, serviceText, workloadText, yaml } from '../support/resolve-text.ts';
import { createTestCa } from '../support/test-ca.ts';

const common = [serviceText('web'), serviceText('api'), cellText('cell-1', 1)];
const allow = (rules: string, name = 'p'): string => policyText(name, 'api', 'allow', rules);
const deny = (rules: string, name = 'd'): string => policyText(name, 'api', 'deny', rules);
const strict = (...more: readonly string[]): MeshIr => meshOf(yaml(meshText(), ...common, ...more));
const permissive = (...more: readonly string[]): MeshIr => meshOf(yaml(meshText('permissive'), ...common, ...more));
const web = '[{from: [{service: web}]}]';
const onlyA = '[{from: [{service: web}], to: [{path: {prefix: /a}}]}]';

describe('widens nothing', () => {
  it.each<readonly [string, MeshIr, MeshIr]>([
    ['the same at other lines', strict(allow(web)), strict(`# a comment\n${allow(web)}`)],
    ['one allow rule less', strict(allow(web)), strict()],
    ['a narrower rule', strict(allow(web)), strict(allow(onlyA))],
    [
      'a rule split in two',
      strict(allow('[{from: [{everyone: true}]}]')),
      strict(allow(web), allow('[{from: [{anonymous: true}]}]', 'q')),
    ],
    ['the same under another name', strict(allow(web)), strict(allow(web, 'other'))],
    ['a denial more', strict(allow(web)), strict(allow(web), deny(onlyA))],
    [
      'a wider denial',
      strict(deny(onlyA), deny('[{from: [{everyone: true}], to: [{path: {exact: /x}}]}]', 'e')),
      strict(deny(web), deny('[{from: [{everyone: true}], to: [{path: {exact: /x}}]}]', 'e')),
    ],
    ['a shadow policy', strict(), strict(policyText('s', 'api', 'allow', '[{from: [{everyone: true}]}]', 'shadow'))],
    ['a service that nobody may call', strict(), strict(serviceText('new'))],
    ['a cell', strict(), strict(cellText('cell-2', 2))],
    ['a permissive service that gets its first policy', permissive(), permissive(allow(web))],
  ])('%s', (_, before, after) => {
    expect(wideningReasons(before, after)).toEqual([]);
  });
});

describe('widens, and says how', () => {
  it.each<readonly [string, MeshIr, MeshIr, string]>([
    [
      'a new rule',
      strict(),
      strict(allow(web)),
      'api would let in callers that it denies now: rules[0] of AuthorizationPolicy/p',
    ],
    ['a wider path', strict(allow(onlyA)), strict(allow(web)), 'api would let in'],
    ['a wider caller', strict(allow(web)), strict(allow('[{from: [{authenticated: true}]}]')), 'api would let in'],
    [
      'a denial less',
      strict(allow(web), deny(onlyA)),
      strict(allow(web)),
      'would not deny any more what rules[0] of AuthorizationPolicy/d denies',
    ],
    ['a denial in shadow', strict(deny(web)), strict(policyText('d', 'api', 'deny', web, 'shadow')), 'would not deny'],
    [
      'a denial of another path',
      strict(deny(onlyA)),
      strict(deny('[{from: [{service: web}], to: [{path: {prefix: /b}}]}]')),
      'would not deny',
    ],
    [
      'the last rule that names a path',
      strict(allow('[{from: [{everyone: true}]}]'), deny(onlyA)),
      strict(allow('[{from: [{everyone: true}]}]'), deny(web)),
      'paths with parameters',
    ],
    ['a permissive service without its policy', permissive(allow(web)), permissive(), 'no enforced policy targets it'],
    ['another mode', strict(), permissive(), 'more than who may call api would change: mtls'],
    [
      'a new service that lets in',
      strict(),
      strict(serviceText('new'), policyText('n', 'new', 'allow', web)),
      'new is new, and lets callers in',
    ],
    [
      'a timeout',
      strict(),
      meshOf(
        yaml(
          meshText(),
          serviceText('web'),
          serviceText('api', 'http1', ', timeouts: {request: 1s}'),
          cellText('cell-1', 1),
        ),
      ),
      'api would change: timeouts',
    ],
    [
      'a dependency',
      strict(),
      meshOf(
        yaml(
          meshText(),
          serviceText('web', 'http1', ', dependsOn: [{service: api, listen: 9001}]'),
          serviceText('api'),
          cellText('cell-1', 1),
        ),
      ),
      'web would change: dependsOn',
    ],
    [
      'another number of a cell',
      strict(),
      meshOf(yaml(meshText(), serviceText('web'), serviceText('api'), cellText('cell-1', 7))),
      'another number',
    ],
    ['an identity less', strict(serviceText('gone')), strict(), 'service/gone would not exist any more'],
    [
      'a Workload with a name of DNS',
      strict(),
      strict(
        workloadText(
          'w',
          '{identity: {spiffeId: "spiffe://td1/job/x"}, selectors: [{attestor: join-token}], dnsNames: [x.example]}',
        ),
      ),
      'job/x would be earned',
    ],
    [
      'break-glass',
      strict(),
      meshOf(yaml(meshText('strict', ', breakGlass: ["spiffe://td1/service/web"]'), ...common)),
      "the mesh's breakGlass",
    ],
  ])('%s', (_, before, after, why) => {
    expect(wideningReasons(before, after)).toContainEqual(expect.stringContaining(why));
  });
});

it('what it finds nothing in lets nobody do more, whatever they ask for', async () => {
  const legacy = (await createTestCa('legacy')).root;
  const tokens = await createTokens();
  let [unwidened, denied] = [0, 0];
  for (let seed = 1; seed <= 25; seed++) {
    const random = createRandom(seed);
    const documents = randomMesh(random, legacy, tokens);
    const [before, after] = [meshOf(documents.text), edited(random, documents.text)];
    if (after === undefined || wideningReasons(before, after).length > 0) continue;
    unwidened += 1;
    for (let index = 0; index < 40; index++) {
      const request = randomRequest(random, documents);
      const port = portOf(after, request.target as string as ServiceKey);
      if (port === undefined) continue;
      const asked = {
        target: port.key,
        port: port.port,
        caller: callerOf(request),
        method: request.method,
        path: request.path,
      };
      const [was, is] = [decide(before, asked), decide(after, asked)];
      if (was.outcome === 'allowed' && is.outcome === 'denied') denied += 1;
      expect(was.outcome === 'denied' && is.outcome === 'allowed', `seed ${seed}: ${JSON.stringify(request)}`).toBe(
        false,
      );
    }
  }
  // Neither everything nor nothing is said to widen, and it was about edits that count.
  expect(unwidened).toBeGreaterThan(3);
  expect(unwidened).toBeLessThan(22);
  expect(denied).toBeGreaterThan(1);
});

/** A policy dropped, turned around, put in shadow, or cut to its first rule; undefined if that is not valid. */
function edited(random: Random, text: string): MeshIr | undefined {
  const documents = text.split('\n---\n');
  const policies = documents.flatMap((document, index) =>
    document.includes('kind: AuthorizationPolicy') ? [index] : [],
  );
  for (let edits = 1 + random.int(2); edits > 0; edits--) {
    const at = random.pick(policies);
    const one = documents[at] ?? '';
    documents[at] = random.pick([
      '',
      one.replace(/action: (allow|deny)/, (_, action) => `action: ${action === 'allow' ? 'deny' : 'allow'}`),
      one.replace(/action: (allow|deny),/, 'action: $1, mode: shadow,'),
      one.replace(', mode: shadow', ''),
    ]);
  }
  try {
    return meshOf(documents.filter((document) => document !== '').join('\n---\n'));
  } catch {
    return undefined;
  }
}
