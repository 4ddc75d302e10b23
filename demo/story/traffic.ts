// Who called whom, and how, as `cellwall status` has it.
import type { TrafficCount } from '../../src/admin/wire.ts';
import type { World } from '../house/world.ts';

export type CallerClass = TrafficCount['caller'];

export interface TrafficView {
  /** Calls that were allowed, by class of caller; of one port of a service (`name`, or `name:port`), or of all. */
  count(caller: CallerClass, port?: string): number;
  countOf(principal: string, port: string): number;
}

export async function readTraffic({ controlPlane }: Pick<World, 'controlPlane'>): Promise<TrafficView> {
  const { traffic } = await controlPlane.admin.traffic();
  const sum = (wanted: (item: TrafficCount) => boolean): number =>
    traffic.filter(wanted).reduce((total, { count }) => total + count, 0);
  return {
    count: (caller, port) => sum((item) => item.caller === caller && (port === undefined || portOf(item) === port)),
    countOf: (principal, port) => sum((item) => item.principal === principal && portOf(item) === port),
  };
}

function portOf({ service, port }: TrafficCount): string {
  return port === undefined ? service : `${service}:${port}`;
}
