// What a test is told whose documents cannot be in force: it does not wait for ever.
import { expect, it } from 'vitest';
import { startServe } from '../support/serve-harness.ts';

it.each([
  [
    'broken',
    'apiVersion: cellwall/v1\nkind: Mesh\nmetadata: { name: m }\nspec: { trustDomain: td1, bogus: 1 }\n',
    /refused.*bogus/,
  ],
  ['without a Mesh', 'apiVersion: cellwall/v1\nkind: Cell\nmetadata: { name: c }\nspec: { id: 1 }\n', /refused.*Mesh/],
])('documents that are %s end the start, with the reason', async (_what, documents, reason) => {
  await expect(startServe(documents)).rejects.toThrow(reason);
});
