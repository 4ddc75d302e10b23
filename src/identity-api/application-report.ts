// What a sidecar's helper reports about its applications, and the parsing of that report, which is hostile.
import { isIP } from 'node:net';
import { CellwallError } from '../lib/errors.ts';
import { isInstance } from '../lib/node-id.ts';
import { defaultPort, isPortName, maxServicePorts } from '../lib/port-name.ts';
import { recordOf, textOf } from './read-body.ts';

export interface ApplicationReport {
  /** Which of the identity's proxies it is. */
  readonly instance: string;
  /** As in its node's metadata: nobody else with the same identity can report for it. */
  readonly run: string;
  /** By the port of the service that it is for; never empty. */
  readonly applications: ReadonlyMap<string, ReportedApplication>;
}

/** As the helper sees it on its own host. */
export interface ReportedApplication {
  /** Its port is open. */
  readonly answers: boolean;
  /** Why not: a code of the system. */
  readonly why?: string;
  /** Addresses at which something listens on its port. Absent: it does not say. */
  readonly on?: readonly string[];
  /** Addresses beyond loopback on which it is open: ways around the sidecar. */
  readonly around: readonly string[];
}

const maxAddresses = 16;

/** Throws `invalid_argument`. */
export function readApplicationReport(body: Readonly<Record<string, unknown>>): ApplicationReport {
  const [instance, run] = [textOf(body, 'instance'), textOf(body, 'run')];
  if (!isInstance(instance)) throw wrong('instance');
  if (!/^[a-z0-9]{1,64}$/.test(run)) throw wrong('run');
  const named = body['ports'] === undefined ? [] : Object.entries(recordOf(body['ports']));
  if (named.length > maxServicePorts) throw wrong('ports');
  const applications = new Map<string, ReportedApplication>();
  for (const [name, state] of named) {
    if (!isPortName(name) || name === defaultPort) throw wrong('ports');
    applications.set(name, applicationOf(recordOf(state)));
  }
  // A helper that knows only one port puts that port's data into the report itself.
  if (applications.size === 0 || body['answers'] !== undefined) applications.set(defaultPort, applicationOf(body));
  return { instance, run, applications };
}

function applicationOf({ answers, why, on, around }: Readonly<Record<string, unknown>>): ReportedApplication {
  if (typeof answers !== 'boolean') throw wrong('answers');
  if (why !== undefined && (typeof why !== 'string' || !/^[A-Za-z0-9_ ]{1,40}$/.test(why))) throw wrong('why');
  return {
    ...{ answers, around: addressesIn('around', around) },
    ...(why === undefined ? {} : { why }),
    ...(on === undefined ? {} : { on: addressesIn('on', on) }),
  };
}

function addressesIn(name: string, value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.length > maxAddresses) throw wrong(name);
  return value.map((address: unknown) => {
    if (typeof address !== 'string' || isIP(address) === 0) throw wrong(name);
    return address;
  });
}

function wrong(name: string): CellwallError {
  return new CellwallError('invalid_argument', `"${name}" is not what a report of an application has there`);
}
