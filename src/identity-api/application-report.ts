// What a sidecar's helper says of the application beside it, and the reading of it, which is hostile.
import { isIP } from 'node:net';
import { CellwallError } from '../lib/errors.ts';
import { textOf } from './read-body.ts';

export interface ApplicationReport {
  /** Which of the identity's proxies it is. */
  readonly instance: string;
  /** As in its node's metadata: nobody of the same identity speaks for it. */
  readonly run: string;
  /** Its port is open. */
  readonly answers: boolean;
  /** Addresses beyond loopback on which it is open: ways around the sidecar. */
  readonly around: readonly string[];
}

const maxAddresses = 16;

/** Throws `invalid_argument`. */
export function readApplicationReport(body: Readonly<Record<string, unknown>>): ApplicationReport {
  const [instance, run] = [textOf(body, 'instance'), textOf(body, 'run')];
  const { answers, around } = body;
  if (!/^[a-z0-9-]{1,64}$/.test(instance)) throw wrong('instance');
  if (!/^[a-z0-9]{1,64}$/.test(run)) throw wrong('run');
  if (typeof answers !== 'boolean') throw wrong('answers');
  if (!Array.isArray(around) || around.length > maxAddresses) throw wrong('around');
  const addresses = around.map((address: unknown) => {
    if (typeof address !== 'string' || isIP(address) === 0) throw wrong('around');
    return address;
  });
  return { instance, run, answers, around: addresses };
}

function wrong(name: string): CellwallError {
  return new CellwallError('invalid_argument', `"${name}" is not what a report of an application has there`);
}
