// Maps any failure to an HTTP status and a body of one shape. Unexpected errors become `internal`, without details.
import { type CutOverReason, refuses } from '../cutover/cut-over-reason.ts';
import { CellwallError } from '../lib/errors.ts';
import { httpStatus } from '../lib/http-status.ts';
import type { Problem } from '../model/problem.ts';
import type { ErrorBody } from './wire.ts';

export interface HttpError {
  readonly status: number;
  readonly body: ErrorBody;
}

export function httpError(reason: unknown): HttpError {
  if (reason instanceof CellwallError) {
    const { code, message, hint } = reason;
    return { status: httpStatus[code], body: hint === undefined ? { code, message } : { code, message, hint } };
  }
  // fastify's own refusals (malformed JSON, oversize body, wrong media type) carry a status below 500 and a safe message.
  const status = reason instanceof Error && 'statusCode' in reason ? reason.statusCode : undefined;
  if (reason instanceof Error && typeof status === 'number' && status >= 400 && status < 500) {
    if (status === 413) {
      return {
        status,
        body: {
          code: 'resource_exhausted',
          message: 'the request is too large: 16 MiB of documents at most, 1 MiB of anything else',
          hint: 'apply fewer documents at a time',
        },
      };
    }
    return { status, body: { code: 'invalid_argument', message: reason.message } };
  }
  return { status: 500, body: { code: 'internal', message: 'internal error', hint: "see the control plane's log" } };
}

/** The gate has reasons against it: 412, with all of them. */
export function refusedCutOver(services: readonly string[], reasons: readonly CutOverReason[]): HttpError {
  const count = reasons.filter(refuses).length;
  return {
    status: 412,
    body: {
      code: 'failed_precondition',
      message: `not made strict: ${services.join(', ')}; ${count === 1 ? '1 reason' : `${count} reasons`}`,
      hint:
        'wait until they are gone, look back over a shorter time with "since" (--since), disregard addresses ' +
        'that are known not to be callers (--ignore-address), or force it (--force): the last two are written ' +
        'to the audit log',
      reasons: reasons.slice(0, maxReasons),
    },
  };
}

const maxReasons = 500;

/** Beyond the limits, and not confirmed: 412, with all reasons and the codes that confirm them. `rev`: it waits under that name. */
export function heldChange(problems: readonly Problem[], codes: readonly string[], rev: string | undefined): HttpError {
  const count = problems.length === 1 ? '1 reason' : `${problems.length} reasons`;
  return {
    status: 412,
    body: {
      code: 'failed_precondition',
      message: `held until it is confirmed, ${count}: nothing was changed`,
      hint:
        `if it is meant: the same command with --confirm ${codes.join(',')} ("confirm" in a request)` +
        `${rev === undefined ? '' : `, or cellwall approve ${rev}`}; written to the audit log`,
      problems: problems.slice(0, maxReasons),
    },
  };
}

/** The same where nobody may confirm what they wrote themselves (`serve --approve-by-others`). */
export function heldForOthers(problems: readonly Problem[], rev: string | undefined): HttpError {
  const { status, body } = heldChange(problems, [], rev);
  return {
    status,
    body: {
      ...body,
      message: body.message.replace('until it is confirmed', 'until somebody else approves it'),
      hint:
        rev === undefined
          ? 'it is too large to wait, or too much waits already ("cellwall waiting"): make it in smaller changes'
          : `if it is meant, ask another admin: cellwall approve ${rev} (serve --approve-by-others)`,
    },
  };
}

/** Documents that cannot be accepted: 422, with every problem. */
export function invalidDocuments(problems: readonly Problem[]): HttpError {
  const errors = problems.filter((problem) => problem.severity === 'error').length;
  return {
    status: 422,
    body: {
      code: 'invalid_documents',
      message: `${errors} ${errors === 1 ? 'error' : 'errors'}: nothing was changed`,
      problems: [...problems],
    },
  };
}
