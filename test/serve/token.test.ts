// Join tokens are made only for identities that would be issued: of a document, or an operator's.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { serviceText, workloadText, yaml } from '../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';

let plane: ServeHarness;

beforeAll(async () => {
  plane = await startServe(
    yaml(
      'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1}',
      serviceText('api'),
      workloadText('job', '{identity: {spiffeId: "spiffe://td1/job"}}'),
    ),
  );
});

afterAll(async () => {
  await plane.stop();
});

it.each(['spiffe://td1/service/api', 'spiffe://td1/job', 'spiffe://td1/cellwall/operator/ann'])(
  '%s has a token',
  (id) => expect(plane.admin.createToken({ spiffeId: id })).resolves.toMatchObject({ spiffeId: id }),
);

it.each(['spiffe://td1/jop', 'spiffe://td2/job', 'spiffe://td1/cellwall/server'])('%s has none', (id) =>
  expect(plane.admin.createToken({ spiffeId: id })).rejects.toMatchObject({
    code: 'not_found',
    message: `no document names the identity ${id}`,
  }),
);
