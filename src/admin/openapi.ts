// The OpenAPI 3.1 document, generated from the routes themselves, so that it cannot disagree with them.
import { z } from 'zod';
import type { Json } from '../lib/table.ts';
import type { Route } from './route.ts';
import { errorSchema } from './wire.ts';

const commonErrors: Readonly<Record<number, string>> = {
  400: 'The request cannot be read.',
  401: 'No valid token.',
  403: 'Host or origin refused, or the role does not allow this.',
  404: 'Not found.',
  409: 'Conflict: read again, and apply again.',
  412: 'Not possible in the present state.',
  413: 'Over 16 MiB of documents, 1 MiB of anything else.',
  422: 'Documents are not valid: see `problems`.',
  429: 'Too many failed attempts.',
  500: 'An internal error of the control plane.',
  503: 'The store, or what is needed, cannot be used now.',
};

export function openapi(routes: readonly Route[], version: string): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const item of routes) {
    const path = item.url.replace(/\*$/, '{key}');
    paths[path] = { ...paths[path], [item.method.toLowerCase()]: operation(item) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Cellwall admin API',
      version,
      license: { name: 'MIT', identifier: 'MIT' },
      description: 'Times are milliseconds since the epoch.',
    },
    servers: [{ url: '/' }],
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          description:
            'The token of `<data>/admin.token`, or a named one. `x-cellwall-access` of a route says which role it needs.',
        },
      },
      schemas: { Error: schemaOf(errorSchema, 'output') },
    },
  };
}

function operation({ method, url, summary, access, query, body, params, answer, errors }: Route): Json {
  const name = url
    .replace(/^\/(v1\/)?/, '')
    .replaceAll(/[^a-z0-9]+/g, '_')
    .replace(/_$/, '_key');
  const denials = access === 'open' ? [] : [401, 429];
  const statuses = [...new Set([400, 403, 500, ...denials, ...errors])].sort((a, b) => a - b);
  const ok: Json = {
    description: 'Done.',
    content:
      answer === undefined ? { 'text/plain': { schema: { type: 'string' } } } : jsonContent(schemaOf(answer, 'output')),
  };
  return {
    operationId: `${method.toLowerCase()}_${name}`,
    summary,
    'x-cellwall-access': access,
    ...(access === 'open' ? { security: [] } : access === 'loopback' ? { security: [{ token: [] }, {}] } : {}),
    parameters: [
      ...(params === undefined
        ? []
        : [{ name: 'key', in: 'path', required: true, schema: { type: 'string' }, description: 'May hold "/".' }]),
      ...queryParameters(query),
    ],
    ...(body === undefined ? {} : { requestBody: { required: true, content: jsonContent(schemaOf(body, 'input')) } }),
    responses: {
      200: ok,
      ...Object.fromEntries(statuses.map((status) => [status, errorResponse(status, url)])),
    },
  };
}

function errorResponse(status: number, url: string): Json {
  if (status === 503 && url === '/readyz') return { description: 'Not ready: see `reasons`.' };
  return {
    description: commonErrors[status] ?? 'An error.',
    content: jsonContent({ $ref: '#/components/schemas/Error' }),
  };
}

function queryParameters(query: z.ZodType | undefined): readonly Json[] {
  if (!(query instanceof z.ZodObject)) return [];
  return Object.entries(query.shape).map(([name, field]): Json => {
    const schema = schemaOf(field, 'input');
    return { name, in: 'query', required: !field.safeParse(undefined).success, schema };
  });
}

function jsonContent(schema: Json): Json {
  return { 'application/json': { schema } };
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  // Members that are not JSON (zod's hidden `~standard`) are dropped by the round trip.
  const { $schema: _, ...rest } = JSON.parse(JSON.stringify(z.toJSONSchema(schema, { io }))) as { [key: string]: Json };
  return rest;
}
