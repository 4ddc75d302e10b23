// What the admin API, or whatever else listens at its address, answered, as the client reads it. Pure.
import { defined } from '../lib/defined.ts';
import { CellwallError, type ErrorCode } from '../lib/errors.ts';

/** An object or a list: the admin API answers nothing else. */
export function parseJson(text: string, host: string, status: number): object {
  let cause: unknown;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch (reason) {
    cause = reason;
  }
  throw new CellwallError('unavailable', `${host} answered ${status}, but not like an admin API`, {
    hint: 'check the address given with --admin (CELLWALL_ADMIN)',
    cause,
  });
}

/** What an error says of itself, whoever answered it. */
export function textsOf(value: object, otherwise: string): { code?: string; message: string; hint?: string } {
  const { code, message, hint }: { code?: unknown; message?: unknown; hint?: unknown } = value;
  const text = (found: unknown): string | undefined => (typeof found === 'string' ? found : undefined);
  return { message: text(message) ?? otherwise, ...defined({ code: text(code), hint: text(hint) }) };
}

/** Undefined: none of this program. */
export function errorCode(code: string | undefined): ErrorCode | undefined {
  return code !== undefined && Object.hasOwn(codes, code) ? (code as ErrorCode) : undefined;
}

const codes: Readonly<Record<ErrorCode, true>> = {
  invalid_argument: true,
  not_found: true,
  already_exists: true,
  permission_denied: true,
  unauthenticated: true,
  failed_precondition: true,
  resource_exhausted: true,
  aborted: true,
  unavailable: true,
  deadline_exceeded: true,
  unimplemented: true,
  internal: true,
};
