// Who called whom, and how, as `cellwall status` has it.
import type { TrafficCount } from '../../src/admin/wire.ts';
import type { World } from '../house/world.ts';

export type CallerClass = TrafficCount['caller'];

export interface TrafficView {
  /** Calls that were allowed, by class of caller; of one service, or of all. */
  count(caller: CallerClass, service?: string): number;
  countOf(principal: string, service: string): number;
}

export async function readTraffic({ controlPlane }: Pick<World, 'controlPlane'>): Promise<TrafficView> {
  const { traffic } = await controlPlane.admin.traffic();
  const sum = (wanted: (item: TrafficCount) => boolean): number =>
    traffic.filter(wanted).reduce((total, { count }) => total + count, 0);
  return {
    count: (caller, service) =>
      sum((item) => item.caller === caller && (service === undefined || item.service === service)),
    countOf: (principal, service) => sum((item) => item.principal === principal && item.service === service),
  };
}
