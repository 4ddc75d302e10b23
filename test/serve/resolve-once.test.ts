// How often the documents are resolved: once for each state that somebody thinks of, whether it comes into force, is refused, tried or
// held.
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { figure } from '../support/figure.ts';
import { policyText, serviceText, yaml } from '../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';

const mesh = 'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: permissive}}';
const api = (mode: string): string => serviceText('api', 'http1', `, mtls: {mode: ${mode}}`);
const web = serviceText('web');
const allow = policyText('web', 'api', 'allow', '[{from: [{service: web}]}]');
const deny = policyText('urgent', 'api', 'deny', '[{from: [{service: web}]}]');
const idle = policyText('idle', 'api', 'allow', '[{from: [{prefix: "spiffe://td1/jobs/"}]}]');

let plane: ServeHarness;
beforeEach(async () => {
  plane = await startServe(yaml(mesh, api('permissive'), web, allow));
});
afterEach(() => plane.stop());

const resolves = async (): Promise<number> => {
  const [, count] = /^cellwall_resolves_total (\d+)$/m.exec(await plane.metrics()) ?? [];
  return Number(count);
};
async function counted(name: string, act: () => unknown): Promise<number> {
  const before = await resolves();
  await act();
  const found = (await resolves()) - before;
  figure(name, found);
  return found;
}
const inForce = (key: string, text: string) =>
  eventually(`${key} is in force`, async () => {
    const { documents } = await plane.admin.documents();
    return documents.find((document) => document.key === key)?.text.includes(text) || undefined;
  });
const edit = (...documents: readonly string[]): void => {
  const next = join(plane.folder, 'documents', '.all.new');
  writeFileSync(next, yaml(...documents));
  renameSync(next, join(plane.folder, 'documents', 'all.yaml'));
};

it('a start resolves once; what is in force is asked about without', async () => {
  expect(await resolves()).toBe(1);
  const asked = await counted('questionsResolves', async () => {
    await plane.admin.services();
    await plane.admin.explain({ caller: 'web', target: 'api' });
    await plane.admin.history();
    await plane.admin.status();
  });
  expect(asked).toBe(0);
});

it('an apply, a way back, and a refusal: once each', async () => {
  expect(await counted('applyResolves', () => plane.apply(yaml(deny)))).toBe(1);
  expect(await counted('urgentResolves', () => plane.admin.apply({ text: yaml(idle), urgent: true }))).toBe(1);
  expect(await counted('unchangedResolves', () => plane.apply(yaml(deny)))).toBe(0);
  expect(await counted('rollbackResolves', () => plane.admin.rollback({}))).toBe(1);
  const wrong = yaml(policyText('wrong', 'api', 'allow', '[{from: [{service: nobody}]}]'));
  const refused = await counted('refusedResolves', async () => {
    const files = [{ file: 'mine.yaml', text: `# of mine\n${wrong}` }];
    expect(await plane.admin.apply({ files })).toMatchObject({
      problems: expect.arrayContaining([
        expect.objectContaining({
          code: 'unknown-service',
          source: expect.objectContaining({ file: 'mine.yaml', line: 5 }),
        }),
      ]),
    });
  });
  expect(refused).toBe(1);
});

it('an apply that the gate looks at: once, whatever it says', async () => {
  expect(await counted('gatedResolves', () => plane.apply(yaml(api('strict'))))).toBe(1);
  expect(await counted('gatedBackResolves', () => plane.apply(yaml(api('permissive'))))).toBe(1);
});

it('a trial: once, with the warnings that the apply has, at the lines of who asked', async () => {
  const files = [{ file: 'mine.yaml', text: `# of mine\n\n${yaml(idle)}` }];
  const warnings = expect.arrayContaining([
    expect.objectContaining({
      code: 'matches-nobody',
      source: expect.objectContaining({ file: 'mine.yaml', line: 6 }),
    }),
  ]);
  const trial = await counted('dryRunResolves', async () => {
    expect(await plane.admin.apply({ files, dryRun: true })).toMatchObject({ kind: 'dry-run', warnings });
  });
  expect(trial).toBe(1);
  expect(await counted('diffResolves', () => plane.admin.diff({ files }))).toBe(1);
  expect(await counted('simulateResolves', () => plane.admin.simulate({ files, since: '1d' }))).toBe(1);
  const applied = await counted('afterTrialResolves', async () => {
    expect(await plane.admin.apply({ files })).toMatchObject({ kind: 'applied', warnings });
  });
  expect(applied).toBe(1);
});

it('an edited file: once, however often it is read until it is quiet', async () => {
  const edited = await counted('editResolves', async () => {
    edit(mesh, api('permissive'), serviceText('web', 'grpc'), allow);
    await inForce('Service/web', 'grpc');
  });
  expect(edited).toBe(1);
  const denied = await counted('denyEditResolves', async () => {
    edit(mesh, api('permissive'), serviceText('web', 'grpc'), allow, deny);
    await inForce('AuthorizationPolicy/urgent', 'deny');
  });
  expect(denied).toBe(1);
});

it('an edit that the gate holds: once as a whole, once without what waits; nothing when it is let', async () => {
  const held = await counted('heldEditResolves', async () => {
    edit(mesh, api('strict'), serviceText('web', 'http1'), allow, deny);
    await inForce('Service/web', 'http1');
    await inForce('Service/api', 'strict');
  });
  expect(held).toBe(2);
});
