// A request to a route: what it asks, read by the route's schemas; and the route's answer as HTTP sends it.
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { CellwallError } from '../lib/errors.ts';
import type { Known } from './page/sessions.ts';
import type { Route } from './route.ts';

interface Response {
  readonly status: number;
  readonly mediaType: string;
  readonly payload: unknown;
  readonly headers: Readonly<Record<string, string>>;
}

/** Throws `invalid_argument` for what the schemas do not accept. */
export async function respond(
  item: Route,
  request: Pick<FastifyRequest, 'query' | 'body' | 'params' | 'headers'>,
  known: Known,
  secure: boolean,
): Promise<Response> {
  const { traceparent } = request.headers;
  const receivedAt = performance.timeOrigin + performance.now();
  const answer = await item.handle({
    query: read(item.query, request.query, 'query'),
    body: read(item.body, request.body ?? {}, 'body'),
    params: read(item.params, request.params, 'path'),
    caller: known.caller,
    known,
    ...{ secure, receivedAt, ...(typeof traceparent === 'string' && { traceparent }) },
  });
  const [json, headers] = ['application/json; charset=utf-8', {}];
  switch (answer.kind) {
    case 'ok':
      return {
        ...{ status: answer.status ?? 200, mediaType: json, payload: answer.value },
        headers: answer.headers ?? headers,
      };
    case 'text':
      return { status: 200, mediaType: answer.mediaType, payload: answer.value, headers };
    case 'error':
      return { status: answer.status, mediaType: json, payload: answer.body, headers };
    default:
      return answer satisfies never;
  }
}

function read(schema: z.ZodType | undefined, value: unknown, where: string): unknown {
  if (schema === undefined) return undefined;
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = [where, ...(issue?.path ?? [])].join('.');
  throw new CellwallError('invalid_argument', `${path}: ${issue?.message ?? 'not valid'}`, {
    hint: 'GET /openapi.json describes every request',
  });
}
