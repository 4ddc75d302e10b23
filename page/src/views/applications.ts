// The applications behind a proxy, one for each of its ports: whether each answers, where it listens, and who goes around the proxy. Pure.
import type { ProxyRow } from '../../../src/admin/wire-proxies.ts';

export interface ApplicationFact {
  /** Absent: its service has one port. */
  readonly port?: string;
  /** Where the proxy expects it, and where it listens. */
  readonly places: string;
}

type Place = Pick<ProxyRow, 'application' | 'applicationState'> & { readonly name?: string };

export function applicationFacts(row: ProxyRow): readonly ApplicationFact[] {
  return placesOf(row).flatMap((place) => {
    const { name, application, applicationState: state } = place;
    if (application === undefined && state === undefined) return [];
    const expected = application === undefined ? [] : [`expected at ${addressOf(application)}`];
    const on = state?.on === undefined ? [] : [`listens on ${state.on.join(', ')}`];
    return [{ ...(name === undefined ? {} : { port: name }), places: [...expected, ...on].join('; ') }];
  });
}

/** What is wrong with them, a sentence each. */
export function applicationTroubles(row: ProxyRow): readonly string[] {
  return placesOf(row).flatMap(({ name, application, applicationState: state }) => {
    if (state === undefined) return [];
    const its = name === undefined ? 'Its application' : `Its application of the port ${name}`;
    const expected = application === undefined ? '' : ` at ${addressOf(application)}`;
    const why = state.why === undefined ? '' : ` (${state.why})`;
    const instead = state.on === undefined ? '' : `; something listens on ${state.on.join(', ')}`;
    const port = application !== undefined && 'port' in application ? application.port : undefined;
    return [
      ...(state.answers ? [] : [`${its} does not answer${expected}${why}${instead}.`]),
      ...state.around.map((address) => `${its} can be reached around it, at ${hostPort(address, port)}.`),
    ];
  });
}

function placesOf({ application, applicationState, ports = [] }: ProxyRow): readonly Place[] {
  return [{ application, applicationState }, ...ports];
}

function addressOf(application: NonNullable<ProxyRow['application']>): string {
  return 'path' in application ? application.path : hostPort(application.address, application.port);
}

function hostPort(address: string, port: number | undefined): string {
  if (port === undefined) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
