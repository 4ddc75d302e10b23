// A simulation over a full record, asked of a running control plane; and simulations held against what real Envoys do afterwards.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../../src/lib/clock.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { createTraffic } from '../../../src/observe/traffic.ts';
import { createTrafficKeeper } from '../../../src/observe/traffic-keeper.ts';
import { openStateDatabase } from '../../../src/store/sqlite/state-database.ts';
import type { Context, Item } from '../item.ts';
import { startCheckoutWall } from '../support/checkout-wall.ts';
import { runSimulationAgreement } from './simulation-agreement.ts';

const services = 20;
const callers = 50;
const methods = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH'] as const;
const paths = 20;
const aggregates = services * callers * methods.length * paths;
const boundMs = 2000;
const foretold = 1000;

export const simulation: Item = {
  name: 'simulation',
  line:
    `a simulation over a recorded window of ${aggregates.toLocaleString('en')} distinct aggregates, a change of ` +
    'every service in it; and simulated decisions against what real Envoys do once the change is applied',
  bound: `each of 5 answers in < ${boundMs} ms; 0 apart of ≥ ${foretold} foretold`,
  async run(context) {
    const { progress } = context;
    await fillRecord(context);
    const wall = await startCheckoutWall(context, documents('allow'));
    progress('the control plane has the record');
    const answers: number[] = [];
    let [replayed, refused, distinct] = [0, 0, 0];
    for (let round = 0; round < 5; round++) {
      const started = performance.now();
      const answer = await wall.admin.simulate({ text: documents('deny'), since: '7d' });
      answers.push(Math.round(performance.now() - started));
      if (answer.kind === 'invalid') throw new Error(JSON.stringify(answer.problems.slice(0, 3)));
      [replayed, refused] = [answer.replayed, answer.totals.newlyDenied];
      distinct = answer.newlyDenied.length;
    }
    progress(`answers: ${answers.join(', ')} ms`);
    const seed = Math.floor(Math.random() * 2 ** 31);
    const agreement = await runSimulationAgreement({ foretold, seed });
    for (const apart of agreement.apart.slice(0, 3)) progress(apart.slice(0, 2000));
    const slowest = Math.max(...answers);
    return {
      ok:
        replayed === aggregates &&
        refused > 0 &&
        slowest < boundMs &&
        agreement.foretold >= foretold &&
        agreement.apart.length === 0,
      figures: {
        aggregates: replayed,
        slowestMs: slowest,
        newlyRefused: refused,
        rowsShown: distinct,
        foretold: agreement.foretold,
        changed: agreement.changed,
        cannotTell: agreement.cannotTell,
        apart: agreement.apart.length,
        seed,
      },
    };
  },
};

/** As a control plane leaves it in its data folder. */
async function fillRecord({ work }: Pick<Context, 'work'>): Promise<void> {
  const folder = join(work, 'data', 'state');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const database = openStateDatabase(folder, systemClock);
  const traffic = createTraffic({ clock: systemClock });
  for (let service = 0; service < services; service++) {
    for (let caller = 0; caller < callers; caller++) {
      for (const method of methods) {
        for (let path = 0; path < paths; path++) {
          traffic.record(
            {
              service: `service-${service}`,
              caller: 'mtls',
              principal: `spiffe://qualify.test/caller/${caller}`,
              method,
              path: { kind: 'exact', path: `/api/v4/resource-${path}` },
              decision: 'allowed',
            },
            1 + path,
          );
        }
      }
    }
  }
  await createTrafficKeeper({ traffic, table: database.table('traffic'), log: silentLog }).flush();
  database.close();
}

/** Ten rules a service, by caller, method and path; the change turns the last policy of each round. */
function documents(last: 'allow' | 'deny'): string {
  const each = Array.from({ length: services }, (_, service) => {
    const rules = Array.from(
      { length: 10 },
      (_rule, index) =>
        `{from: [{prefix: "spiffe://qualify.test/caller/"}], to: [{methods: [${methods[index % methods.length]}], ` +
        `path: {exact: /api/v4/resource-${index}}}]}`,
    );
    return `---
apiVersion: cellwall/v1
kind: Service
metadata: {name: service-${service}}
spec: {protocol: http1}
---
apiVersion: cellwall/v1
kind: AuthorizationPolicy
metadata: {name: all-${service}}
spec: {target: {service: service-${service}}, action: allow, rules: [{from: [{prefix: "spiffe://qualify.test/caller/"}]}]}
---
apiVersion: cellwall/v1
kind: AuthorizationPolicy
metadata: {name: some-${service}}
spec: {target: {service: service-${service}}, action: ${last}, rules: [${rules.join(', ')}]}
`;
  });
  return `apiVersion: cellwall/v1
kind: Mesh
metadata: {name: mesh}
spec: {trustDomain: qualify.test}
${each.join('')}`;
}
