// What a sidecar's helper reports about ports on which its Envoy cannot listen, and the parsing of it, which is hostile.
import { isIP } from 'node:net';
import { CellwallError } from '../lib/errors.ts';
import { isInstance } from '../lib/node-id.ts';
import { maxHolder, maxTakenPorts, type TakenPort } from '../lib/taken-port.ts';
import { textOf } from './read-body.ts';

export interface PortsReport {
  /** Which of the identity's proxies it is. */
  readonly instance: string;
  /** As in its node's metadata: nobody else with the same identity can report for it. */
  readonly run: string;
  /** Empty: it listens everywhere. */
  readonly taken: readonly TakenPort[];
}

/** Throws `invalid_argument`. */
export function readPortsReport(body: Readonly<Record<string, unknown>>): PortsReport {
  const [instance, run] = [textOf(body, 'instance'), textOf(body, 'run')];
  const { taken } = body;
  if (!isInstance(instance)) throw wrong('instance');
  if (!/^[a-z0-9]{1,64}$/.test(run)) throw wrong('run');
  if (!Array.isArray(taken) || taken.length > maxTakenPorts) throw wrong('taken');
  return { instance, run, taken: taken.map(takenPortOf) };
}

function takenPortOf(value: unknown): TakenPort {
  if (typeof value !== 'object' || value === null) throw wrong('taken');
  const { address, port, holder }: Readonly<Partial<Record<keyof TakenPort, unknown>>> = value;
  if (typeof address !== 'string' || isIP(address) === 0) throw wrong('address');
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535) throw wrong('port');
  if (typeof holder !== 'string' || holder.length > maxHolder) throw wrong('holder');
  return { address, port, holder };
}

function wrong(name: string): CellwallError {
  return new CellwallError('invalid_argument', `"${name}" is not what a report of taken ports has there`);
}
