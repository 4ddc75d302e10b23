// The documents as a JSON schema, for editors: completion, descriptions and red lines while writing.
import { z } from 'zod';
import { documentKinds } from './documents/document.ts';
import { kindNames } from './documents/kind-names.ts';

/** One schema, with an alternative for each kind. It describes what is written (defaults may be left out), not what is parsed. */
export function documentJsonSchema(): object {
  const definitions = kindNames.map((kind) => {
    const { $schema: _, ...definition } = z.toJSONSchema(documentKinds[kind].schema, { io: 'input' });
    return [kind, { title: kind, ...definition }] as const;
  });
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'A Cellwall document',
    oneOf: definitions.map(([kind]) => ({ $ref: `#/$defs/${kind}` })),
    $defs: Object.fromEntries(definitions),
  };
}
