// Reading documents, as they are in force.
import { CellwallError } from '../../lib/errors.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import type { AdminDeps } from '../deps.ts';
import { inForce } from '../in-force.ts';
import { ok, type Route, route } from '../route.ts';
import {
  documentAnswerSchema,
  documentParamsSchema,
  documentsQuerySchema,
  documentsSchema,
  jsonSchemaSchema,
} from '../wire.ts';

export function documentRoutes({ store }: AdminDeps): readonly Route[] {
  let schema: Record<string, unknown> | undefined;
  return [
    route({
      method: 'GET',
      url: '/v1/documents',
      access: 'viewer',
      summary: 'All documents in force, or those of one kind.',
      query: documentsQuerySchema,
      answer: documentsSchema,
      errors: [503],
      handle({ query }) {
        const { revision, documents } = inForce(store);
        const wanted = documents.filter((item) => query.kind === undefined || item.document.kind === query.kind);
        return ok({ revision, documents: wanted.map(wireDocument) });
      },
    }),
    route({
      method: 'GET',
      url: '/v1/documents/*',
      access: 'viewer',
      summary: 'One document by its key.',
      params: documentParamsSchema,
      answer: documentAnswerSchema,
      errors: [404, 503],
      handle({ params }) {
        const { revision, documents } = inForce(store);
        const found = documents.find((item) => item.key === params['*']);
        if (found === undefined) {
          throw new CellwallError('not_found', `no document ${JSON.stringify(params['*'])}`, {
            hint: '"cellwall get" lists them; keys are Kind/name or Kind/cell/name',
          });
        }
        return ok({ revision, ...wireDocument(found) });
      },
    }),
    route({
      method: 'GET',
      url: '/v1/schema',
      access: 'viewer',
      summary: 'The JSON schema of the documents, for editors.',
      answer: jsonSchemaSchema,
      async handle() {
        schema ??= { ...(await import('../../model/json-schema.ts')).documentJsonSchema() };
        return ok(schema);
      },
    }),
  ];
}

function wireDocument({ key, document, text, source }: ParsedDocument) {
  return { key, kind: document.kind, text, source };
}
