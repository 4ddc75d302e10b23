// Where `cellwall serve` listens by default.

export const controlPlanePorts: ReadonlyMap<number, string> = new Map([
  [18000, 'xDS'],
  [18001, 'the identity API'],
  [18080, 'the admin API'],
]);
