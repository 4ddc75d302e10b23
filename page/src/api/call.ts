// One request to the admin API. Every failure is an ApiError that says what to do.
import type { ErrorBody } from '../../../src/admin/wire.ts';

export class ApiError extends Error {
  /** 0: no answer came. */
  readonly status: number;
  readonly body: ErrorBody;

  constructor(status: number, body: ErrorBody) {
    super(body.message);
    this.status = status;
    this.body = body;
  }
}

export interface CallOptions {
  readonly body?: object;
  readonly session?: string | undefined;
  readonly authorization?: string;
  readonly signal?: AbortSignal;
}

export const sessionHeader = 'x-cellwall-session';

/** Times out after 30 s. Throws ApiError, or what aborted it. */
export async function call<T>(method: 'GET' | 'POST', path: string, options: CallOptions = {}): Promise<T> {
  const { body, session, authorization, signal } = options;
  const late = AbortSignal.timeout(30_000);
  const response = await fetch(path, {
    method,
    credentials: 'same-origin',
    cache: 'no-store',
    redirect: 'error',
    signal: signal === undefined ? late : AbortSignal.any([signal, late]),
    headers: {
      accept: 'application/json',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(session === undefined ? {} : { [sessionHeader]: session }),
      ...(authorization === undefined ? {} : { authorization }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch((reason: unknown) => {
    if (signal?.aborted === true) throw reason;
    throw new ApiError(0, {
      code: 'unavailable',
      message: late.aborted
        ? 'the control plane did not answer within 30 seconds'
        : 'the control plane does not answer',
      hint: 'is "cellwall serve" running, and is the tunnel to it open? The page tries again by itself.',
    });
  });
  const value: unknown = await response.json().catch(() => undefined);
  if (response.ok && value !== undefined) return value as T;
  throw new ApiError(response.status, isErrorBody(value) ? value : unreadable(response.status));
}

function isErrorBody(value: unknown): value is ErrorBody {
  return typeof value === 'object' && value !== null && 'message' in value && typeof value.message === 'string';
}

function unreadable(status: number): ErrorBody {
  return {
    code: 'internal',
    message: `an answer (${status}) that is not of the admin API`,
    hint: 'is something else listening there?',
  };
}

/** For a thrown value of any kind. */
export function errorBody(reason: unknown): ErrorBody {
  if (reason instanceof ApiError) return reason.body;
  return { code: 'internal', message: reason instanceof Error ? reason.message : String(reason) };
}
