// The schema for editors agrees with what is parsed.
import { expect, it } from 'vitest';
import { kindNames } from '../../src/model/documents/kind-names.ts';
import { documentJsonSchema } from '../../src/model/json-schema.ts';

it('has an alternative a kind, refuses unknown fields, and does not ask for what has a default', () => {
  const schema = documentJsonSchema();
  expect(schema).toMatchObject({
    oneOf: kindNames.map((kind) => ({ $ref: `#/$defs/${kind}` })),
    $defs: {
      Service: {
        additionalProperties: false,
        properties: {
          kind: { const: 'Service' },
          spec: {
            properties: { timeouts: { properties: { connect: { default: '1s', type: 'string' } } } },
          },
        },
      },
    },
  });
  expect(JSON.parse(JSON.stringify(schema))).toEqual(schema);
});
