// A proxy whose helper keeps its key is sent the same as one whose key is pushed, but for where its certificate comes from; and the same
// bytes as every other such proxy in its place.
import { toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { localSecret } from '../../src/lib/local-secret.ts';
import { lint } from '../../src/translate/linter.ts';
import type { TranslatedResource } from '../../src/translate/proxy.ts';
import { ownFromFile } from '../../src/translate/tls/own-from-file.ts';
import { translate } from '../../src/translate/translate.ts';
import { createTestCa } from '../support/test-ca.ts';
import { goldenBundles, scenariosWith } from './scenarios.ts';

const scenarios = scenariosWith((await createTestCa('old')).root);

const bytes = (resources: readonly TranslatedResource[]): readonly string[] =>
  resources.map(({ name, schema, message }) => `${name} ${Buffer.from(toBinary(schema, message)).toString('base64')}`);

describe.each(Object.entries(scenarios))('%s', (_, { mesh, endpoints, shape }) => {
  const pushed = translate(mesh, endpoints, goldenBundles, shape);
  const local = translate(mesh, endpoints, goldenBundles, { ...shape, secrets: 'local' });

  it('differs only in where the own certificate comes from', () => {
    expect(bytes(local)).toEqual(bytes(ownFromFile(pushed, shape.spiffeId)));
    expect(lint(local)).toEqual([]);
  });

  it('asks the control plane for no certificate of its own', () => {
    const asks = (resources: readonly TranslatedResource[], path: string): boolean =>
      bytes(resources).some((one) => Buffer.from(one.split(' ').at(-1) ?? '', 'base64').includes(path));
    expect(asks(pushed, localSecret.path)).toBe(false);
    const hasTls = pushed !== ownFromFile(pushed, shape.spiffeId) && bytes(local).join() !== bytes(pushed).join();
    expect(asks(local, localSecret.path)).toBe(hasTls);
    expect(ownFromFile(local, shape.spiffeId).every((one, index) => one === local[index])).toBe(true);
  });
});
