// What of an edit waits while it may not make services strict, and what goes on.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keepPermissive as keepJudged } from '../../src/cutover/keep-permissive.ts';
import { decide } from '../../src/policy/decide/decide.ts';
import type { AccessRequest } from '../../src/policy/decide/request.ts';
import { judged } from '../support/judged.ts';
import { documentsOf, meshOf, meshText, policyText, serviceText, yaml } from '../support/resolve-text.ts';

const api = (mode: string, more = ''): string => serviceText('api', 'http1', `, mtls: {mode: ${mode}}${more}`);
const plain = serviceText('api');
const web = serviceText('web');
const deny = policyText('deny', 'api', 'deny', '[{from: [{service: web}]}]');
const denyPath = policyText('deny', 'api', 'deny', '[{from: [{service: web}], to: [{path: {exact: /a}}]}]');
const allowWeb = policyText('allow', 'api', 'allow', '[{from: [{service: web}]}]');
const allowAll = policyText('allow', 'api', 'allow', '[{from: [{anonymous: true}, {service: web}]}]');
const denyAnonymous = policyText(
  'no-anonymous',
  'api',
  'deny',
  '[{from: [{anonymous: true}], to: [{methods: [PUT]}]}]',
);

type Documents = ReturnType<typeof documentsOf>;
const keepPermissive = (before: Documents, after: Documents) => keepJudged(judged(before), judged(after), judged);

function kept(before: readonly string[], after: readonly string[]) {
  const [old, next] = [before, after].map((texts) => documentsOf(yaml(meshText(), web, ...texts)));
  return keepPermissive(old ?? [], next ?? []);
}

it('asks nothing of what makes nothing strict', () => {
  expect(kept([api('permissive')], [api('permissive'), deny])).toBeUndefined();
  expect(kept([api('strict')], [api('permissive')])).toBeUndefined();
  expect(kept([], [api('strict')])).toBeUndefined();
  expect(keepPermissive([], documentsOf(yaml(meshText(), api('strict'))))).toBeUndefined();
});

it('keeps the service as it was; a deny beside it goes on', () => {
  const found = kept([api('permissive')], [api('strict'), deny]);
  expect(found).toMatchObject({
    services: [{ key: 'api', source: { file: 'test.yaml', line: 14 } }],
    keep: ['Service/api'],
    whole: false,
  });
  expect(found?.rest.documents.map(({ key }) => key)).toEqual([
    'AuthorizationPolicy/deny',
    'Mesh/mesh',
    'Service/api',
    'Service/web',
  ]);
  const [rest, all] = (found?.meshes ?? []).map(({ services }) =>
    [...services.values()].find(({ name }) => name === 'api'),
  );
  expect([rest?.mtls.mode, all?.mtls.mode]).toEqual(['permissive', 'strict']);
  expect(rest?.ports[0]?.authorization.deny).toHaveLength(1);
});

it('keeps the mesh where its default is what changes, the service where it says less than before', () => {
  const [before, after] = (['permissive', 'strict'] as const).map((mode) =>
    documentsOf(yaml(meshText(mode), plain, serviceText('own', 'http1', ', mtls: {mode: permissive}'))),
  );
  expect(keepPermissive(before ?? [], after ?? [])).toMatchObject({
    services: [{ key: 'api', source: { line: 4 } }],
    keep: ['Mesh/mesh'],
    whole: false,
  });
  expect(kept([api('permissive')], [plain])).toMatchObject({ keep: ['Service/api'], whole: false });
});

describe('all waits, where the rest alone would let in anonymous callers who are refused now', () => {
  it.each([
    ['an allow rule for them is new', [allowWeb], [allowAll]],
    ['a deny rule against them goes', [allowAll, denyAnonymous], [allowAll]],
    ['a deny rule goes, for which paths with ";" are refused to all', [allowAll, denyPath], [allowAll]],
    ['the last policy goes, and with it the default to deny', [allowWeb], []],
  ])('%s', (_, before, after) => {
    const found = kept([api('permissive'), ...before], [api('strict'), ...after]);
    expect(found?.whole).toBe(true);
    expect(found?.keep).toContain('Service/api');
    expect(found?.keep.some((key) => key.startsWith('AuthorizationPolicy/'))).toBe(true);
    expect(found?.rest.documents.map(({ text }) => text)).toEqual(
      documentsOf(yaml(meshText(), web, api('permissive'), ...before)).map(({ text }) => text),
    );
  });

  it.each([
    ['an allow rule of them stays', [allowAll], [allowAll, deny]],
    ['a deny rule against others goes', [allowAll, deny], [allowAll]],
    ['an allow rule of them goes', [allowAll], [allowWeb]],
    ['whoever comes is let in now', [], [allowAll]],
    ['a deny rule against them is new', [allowAll], [allowAll, denyAnonymous]],
  ])('but not where %s', (_, before, after) => {
    expect(kept([api('permissive'), ...before], [api('strict'), ...after])).toMatchObject({
      keep: ['Service/api'],
      whole: false,
    });
  });

  it('or where what waits decides more than the mode', () => {
    expect(kept([api('permissive')], [api('strict', ', paths: {escapedSlashes: keep}'), deny])?.whole).toBe(true);
    expect(kept([api('permissive')], [api('strict', ', timeouts: {connect: 2s}'), deny])?.whole).toBe(false);
    const [before, after] = ['deny', 'allow'].map((way, index) =>
      documentsOf(
        yaml(meshText(index === 0 ? 'permissive' : 'strict', `, authorization: {withinCell: ${way}}`), plain),
      ),
    );
    expect(keepPermissive(before ?? [], after ?? [])?.whole).toBe(true);
  });

  it('or where the rest does not resolve without it', () => {
    const job = serviceText('job');
    const dependent = api('permissive', ', dependsOn: [{service: job, listen: 9000}]');
    const found = kept([dependent, job], [api('strict')]);
    expect(found).toMatchObject({ whole: true });
    expect(found?.keep).toEqual(['Service/api', 'Service/job']);
  });
});

it('never lets in, with the rest, an anonymous caller who is refused now (property)', () => {
  const from = fc.constantFrom('[{anonymous: true}]', '[{service: web}]', '[{anonymous: true}, {service: web}]');
  const to = fc.constantFrom('', 'to: [{methods: [GET]}]', 'to: [{path: {prefix: /a}}]', 'to: [{path: {exact: /a/b}}]');
  const rule = fc.tuple(from, to).map(([who, what]) => {
    return `{from: ${who}${what === '' ? '' : `, ${what}`}}`;
  });
  const policy = fc
    .tuple(fc.constantFrom('allow', 'deny'), fc.array(rule, { minLength: 1, maxLength: 2 }))
    .map(([action, rules]) => ({ action, rules: `[${rules.join(', ')}]` }));
  const policies = fc.array(policy, { maxLength: 3 });
  const text = (mode: string, given: readonly { readonly action: string; readonly rules: string }[]) =>
    yaml(
      meshText(),
      web,
      api(mode),
      ...given.map(({ action, rules }, index) => policyText(`p${index}`, 'api', action, rules)),
    );
  const calls = ['GET', 'POST'].flatMap((method) =>
    ['/', '/a', '/a/b', '/a;x', '/A/b'].map(
      (path): AccessRequest => ({
        ...{ target: 'api' as AccessRequest['target'], method, path },
        caller: { kind: 'anonymous', via: 'plaintext' },
      }),
    ),
  );
  let [apart, whole] = [0, 0];
  fc.assert(
    fc.property(policies, policies, (before, after) => {
      const found = keepPermissive(documentsOf(text('permissive', before)), documentsOf(text('strict', after)));
      if (found === undefined) throw new Error('it becomes strict');
      if (found.whole) whole += 1;
      else apart += 1;
      const old = meshOf(text('permissive', before));
      for (const call of calls) {
        if (decide(found.meshes[0], call).outcome === 'allowed') expect(decide(old, call).outcome).toBe('allowed');
      }
    }),
    { numRuns: 400 },
  );
  expect(Math.min(apart, whole)).toBeGreaterThan(40);
});
