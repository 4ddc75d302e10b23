// An edited file leaves evidence, once; what is applied is recorded by who asked for it, not as from outside.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { serviceText, yaml } from '../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';

const mesh = 'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1}';
let plane: ServeHarness | undefined;

afterEach(async () => {
  await plane?.stop();
  plane = undefined;
});

it('records what was edited in the folder of documents', async () => {
  plane = await startServe(yaml(mesh, serviceText('api')));
  const { admin, folder } = plane;
  await plane.apply(yaml(serviceText('web')));
  writeFileSync(join(folder, 'documents', 'more.yaml'), yaml(serviceText('job')));
  const events = async () => (await admin.audit()).records.map(({ event }) => event);
  const found = await eventually('two records', async () => {
    const all = await events();
    return all.length < 2 ? undefined : all;
  });
  expect(found).toMatchObject([
    { kind: 'documents-applied', author: 'operator', changed: ['Service/web'] },
    { kind: 'documents-applied', author: 'outside', changed: ['Service/job'] },
  ]);
  await plane.apply(yaml(serviceText('last')));
  expect(await events()).toMatchObject([...found, { author: 'operator', changed: ['Service/last'] }]);
});

it('records what was edited while the control plane was away, once', async () => {
  plane = await startServe(yaml(mesh, serviceText('api'), serviceText('web')));
  const { admin, folder } = plane;
  await plane.apply(yaml(serviceText('own')));
  await plane.restart();
  const file = join(folder, 'documents', 'all.yaml');
  await plane.restart(() => writeFileSync(file, yaml(mesh, serviceText('api', 'grpc'), serviceText('new'))));
  await plane.restart();
  const { records, intact } = await admin.audit();
  expect(intact).toBe(true);
  expect(records.map(({ event }) => event)).toMatchObject([
    { kind: 'documents-applied', author: 'operator', revision: 2, changed: ['Service/own'] },
    {
      ...{ kind: 'documents-applied', author: 'outside', revision: 3, whileAway: true },
      changed: ['Service/api', 'Service/new', 'Service/web'],
    },
  ]);
  const { revisions } = await admin.history();
  expect(revisions.map(({ revision, author }) => [revision, author])).toEqual([
    [3, undefined],
    [2, 'operator'],
  ]);
  // The way back goes over it.
  expect(await admin.rollback({ to: 1 })).toMatchObject({ kind: 'applied', revision: 4 });
  const { documents } = await admin.documents();
  expect(documents.map(({ key }) => key)).toEqual(['Mesh/mesh', 'Service/api', 'Service/web']);
});
