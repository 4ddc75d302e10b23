// A route as data: what it accepts, what it answers, who may call it. admin-api.ts registers it, openapi.ts describes it.
import type { z } from 'zod';
import type { Access, Caller } from './caller.ts';
import type { Known } from './page/sessions.ts';
import type { ErrorBody } from './wire.ts';

/** For documents in one request, 16 MiB as text; JSON needs more for some. */
export const documentsLimit = 20 * 1024 * 1024;

export type Answer<T> =
  | {
      readonly kind: 'ok';
      readonly value: T;
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'text'; readonly value: string; readonly mediaType: string }
  | { readonly kind: 'error'; readonly status: number; readonly body: ErrorBody };

export interface RouteRequest<Q, B, P> {
  readonly query: Q;
  readonly body: B;
  readonly params: P;
  readonly caller: Caller;
  /** The same, and whether that still holds later. */
  readonly known: Known;
  /** It came over TLS, from another host. */
  readonly secure: boolean;
  /** Epoch milliseconds, fractional: when the request had been read. */
  readonly receivedAt: number;
  /** Its `traceparent`, which may be anything. */
  readonly traceparent?: string;
}

/** What admin-api.ts and openapi.ts see; made by `route`, which checks the handler against the schemas. */
export interface Route {
  readonly method: 'GET' | 'POST';
  /** fastify's notation; at most one `*`, at the end. */
  readonly url: string;
  readonly summary: string;
  readonly access: Access;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  readonly params?: z.ZodType;
  readonly answer?: z.ZodType;
  /** It accepts documents: bodies up to `documentsLimit` bytes. */
  readonly documents?: true;
  /** Errors that it may answer in addition to 400, 401, 403, 429 and 500. */
  readonly errors: readonly number[];
  handle(request: RouteRequest<unknown, unknown, unknown>): Answer<unknown> | Promise<Answer<unknown>>;
}

interface RouteOptions<Q extends z.ZodType, B extends z.ZodType, P extends z.ZodType, A extends z.ZodType> {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly summary: string;
  readonly access: Access;
  readonly query?: Q;
  readonly body?: B;
  readonly params?: P;
  readonly answer?: A;
  readonly documents?: true;
  readonly errors?: readonly number[];
  handle(
    request: RouteRequest<z.output<Q>, z.output<B>, z.output<P>>,
  ): Answer<z.input<A>> | Promise<Answer<z.input<A>>>;
}

/** Only gives types to `handle`; checks nothing. */
export function route<Q extends z.ZodType, B extends z.ZodType, P extends z.ZodType, A extends z.ZodType>(
  options: RouteOptions<Q, B, P, A>,
): Route {
  return {
    ...options,
    errors: options.errors ?? [],
    // admin-api.ts passes on what these very schemas parsed.
    handle: (request) => options.handle(request as RouteRequest<z.output<Q>, z.output<B>, z.output<P>>),
  };
}

export function ok<T>(value: T): Answer<T> {
  return { kind: 'ok', value };
}
