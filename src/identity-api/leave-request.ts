// What a sidecar's helper sends when its Envoy is about to exit, and the parsing of it, which is hostile.
import { CellwallError } from '../lib/errors.ts';
import { isInstance } from '../lib/node-id.ts';
import { textOf } from './read-body.ts';

export interface LeaveRequest {
  /** Which of the identity's proxies it is. */
  readonly instance: string;
  /** As in its node's metadata: only its own helper knows it, so that nobody else with the same identity can deregister it. */
  readonly run: string;
}

/** Throws `invalid_argument`. */
export function readLeaveRequest(body: Readonly<Record<string, unknown>>): LeaveRequest {
  const [instance, run] = [textOf(body, 'instance'), textOf(body, 'run')];
  if (!isInstance(instance)) throw wrong('instance');
  if (!/^[a-z0-9]{1,64}$/.test(run)) throw wrong('run');
  return { instance, run };
}

function wrong(name: string): CellwallError {
  return new CellwallError('invalid_argument', `"${name}" is not what a goodbye has there`);
}
