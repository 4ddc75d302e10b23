// A proxy without ADS is given the same resources, but for where they say to ask for what they refer to.
import { toJson } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { extensionRegistry } from '../../src/translate/lint/registry.ts';
import { lint } from '../../src/translate/linter.ts';
import type { TranslatedResource } from '../../src/translate/proxy.ts';
import { translate } from '../../src/translate/translate.ts';
import { createTestCa } from '../support/test-ca.ts';
import { goldenBundles, scenariosWith } from './scenarios.ts';

const scenarios = scenariosWith((await createTestCa('old')).root);
const apiTypes = { delta: 'DELTA_GRPC', sotw: 'GRPC' } as const;

describe.each(['delta', 'sotw'] as const)('single-type services, %s', (singleServices) => {
  test.each(Object.entries(scenarios))('%s', (_, { mesh, endpoints, shape }) => {
    const plain = text(translate(mesh, endpoints, goldenBundles, shape));
    const resources = translate(mesh, endpoints, goldenBundles, { ...shape, singleServices });
    expect(lint(resources)).toEqual([]);
    const single = text(resources);
    expect(single).not.toContain('"ads"');
    const source = sourceOf(apiTypes[singleServices]);
    expect(single.split(source).length).toBe(plain.split('"ads":{}').length);
    expect(single).toContain(source);
    expect(single.replaceAll(source, '"ads":{}')).toBe(plain);
    // What is asked for ADS afterwards is as it was.
    expect(text(translate(mesh, endpoints, goldenBundles, shape))).toBe(plain);
  });
});

function text(resources: readonly TranslatedResource[]): string {
  return JSON.stringify(
    resources.map(({ typeUrl, schema, message }) => [
      typeUrl,
      toJson(schema, message, { registry: extensionRegistry }),
    ]),
  );
}

function sourceOf(apiType: string): string {
  const backOff = '{"baseInterval":"0.100s","maxInterval":"1s"}';
  const service = `{"envoyGrpc":{"clusterName":"cellwall","retryPolicy":{"retryBackOff":${backOff}}}}`;
  const more = '"setNodeOnFirstMessageOnly":true,"transportApiVersion":"V3"';
  return `"apiConfigSource":{"apiType":"${apiType}","grpcServices":[${service}],${more}}`;
}
