// A shared token retires under load, with a real control plane and sidecars: callers that send it, rotated, moved to identities one after
// the other, until nobody sends it and the application needs none. Forged ones are tried all the time, from wherever they can be.
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { type CheckoutWall, startCheckoutWall } from '../qualification/support/checkout-wall.ts';
import { eventually } from '../support/eventually.ts';
import { figure, qualifying } from '../support/figure.ts';
import { freePorts } from '../support/free-ports.ts';
import { httpCall } from '../support/http-call.ts';

const header = 'gitlab-iam-data-access-token';
const callers = ['rails', 'registry'] as const;
/** Of each caller in each of the seven steps. */
const callsAStep = qualifying ? 1500 : 30;
const lanes = qualifying ? 4 : 1;

interface Lane {
  /** How it calls now. */
  call: () => Promise<number>;
  done: number;
}

/** On record: each caller that had it from its sidecar's peer, by name; in the audit log, too. */
async function whoHadIt({ admin }: Pick<CheckoutWall, 'admin'>): Promise<void> {
  const granted = callers.map((name) => `spiffe://td1/service/${name}`);
  const counts = await eventually('the record has who was given the token', async () => {
    const { traffic } = await admin.traffic();
    const had = traffic.filter(({ credential }) => credential === 'current');
    return granted.every((id) => had.some(({ principal }) => principal === id)) ? had : undefined;
  });
  for (const { principal, firstSeen, lastSeen } of counts) {
    expect(granted).toContain(principal);
    expect(firstSeen).toBeLessThanOrEqual(lastSeen);
  }
  const { records } = await admin.audit(1000);
  const used = records.flatMap(({ event }) => (event.kind === 'credential-used' ? [event] : []));
  expect(used.map((event) => event['principal']).toSorted()).toEqual(granted.toSorted());
  expect(used).toMatchObject(used.map(() => ({ service: 'iam', secret: 'current' })));
}

it('retires, and no call fails from the first step to the last; nothing forged ever arrives', async () => {
  const work = mkdtempSync(join(tmpdir(), 'cellwall-tokens-'));
  const closers: (() => unknown)[] = [() => rmSync(work, { recursive: true, force: true })];
  onTestFinished(async () => {
    for (const close of closers.toReversed()) await close();
  });
  const secrets = join(work, 'secrets');
  const own = join(secrets, 'iam');
  mkdirSync(own, { recursive: true });
  const put = (name: string, token: string): void => {
    writeFileSync(join(own, `.${name}`), token, { mode: 0o600 });
    renameSync(join(own, `.${name}`), join(own, name));
  };
  put('current', 'token-1');
  put('next', 'token-2');

  /** What the application accepts; undefined: it needs none. */
  let accepted: readonly string[] | undefined = ['token-1', 'token-2'];
  let forged = 0;
  const application = createServer(({ headers }, response) => {
    const sent = Object.entries(headers).filter(([name]) => name.replaceAll('_', '-') === header);
    // Once it needs none, nobody looks at the header.
    if (accepted !== undefined && sent.some(([name, value]) => name !== header || !/^token-\d$/.test(String(value))))
      forged++;
    const fine = accepted === undefined || accepted.includes(String(headers[header]));
    response.writeHead(fine ? 200 : 401).end();
  });
  await new Promise<void>((resolve) => application.listen(0, '127.0.0.1', resolve));
  closers.push(() => application.close());
  const at = application.address();
  const [railsPort = 0, registryPort = 0] = await freePorts(2);
  const ports = { rails: railsPort, registry: registryPort };

  const documents = (mode: 'permissive' | 'strict', credential: string): string =>
    [
      'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1}',
      `kind: Service\nmetadata: {name: iam}\nspec: {protocol: http1, mtls: {mode: ${mode}}${credential}}`,
      ...callers.map((name) => {
        const dependency = `{service: iam, listen: ${ports[name]}}`;
        return `kind: Service\nmetadata: {name: ${name}}\nspec: {protocol: http1, dependsOn: [${dependency}]}`;
      }),
      'kind: AuthorizationPolicy\nmetadata: {name: open}\nspec: {target: {service: iam}, action: allow, ' +
        'rules: [{from: [{everyone: true}]}]}',
    ]
      .map((text) => `apiVersion: cellwall/v1\n${text}\n`)
      .join('---\n');
  const grants = 'grants: [{secret: current, from: [{service: rails}, {service: registry}]}]';
  const adopting = `, credential: {header: ${header}, ${grants}, accept: [current, next]}`;
  const wall = await startCheckoutWall(
    { root: join(import.meta.dirname, '../..'), work, defer: (close) => void closers.push(close) },
    documents('permissive', adopting),
    ['--credentials', secrets],
  );
  const inbound = await wall.sidecar('iam', typeof at === 'object' ? (at?.port ?? 0) : 0);
  const apply = async (text: string): Promise<void> => {
    const answer = await wall.admin.apply({ text, force: true, reason: 'callers have moved' });
    if (answer.kind === 'invalid') throw new Error(JSON.stringify(answer.problems));
  };
  const plainly = (sent: Readonly<Record<string, string>>) => async () =>
    (await httpCall({ port: inbound, headers: sent })).status;
  await eventually(
    'the wall takes calls',
    async () => (await plainly({ [header]: 'token-1' })().catch(() => 0)) === 200 || undefined,
    60_000,
  );

  let going = true;
  const failed: string[] = [];
  const load = Object.fromEntries(
    callers.map((name) => [name, { call: plainly({ [header]: 'token-1' }), done: 0 }]),
  ) as Record<(typeof callers)[number], Lane>;
  const running = callers.flatMap((name) =>
    Array.from({ length: lanes }, async () => {
      while (going) {
        const { call } = load[name];
        const status = await call().catch((reason: unknown) => String(reason));
        // Its own way may have changed meanwhile: it counts all the same.
        if (status !== 200) failed.push(`${name}: ${status}`);
        load[name].done++;
      }
    }),
  );
  const odd: readonly Readonly<Record<string, string>>[] = [
    { [header]: 'forged' },
    { gitlab_iam_data_access_token: 'token-1' },
    { 'gitlab-iam-data_access-token': 'forged' },
  ];
  let [tried, letIn] = [0, 0];
  const attack = (async () => {
    for (let turn = 0; going; turn++) {
      const sent = odd[turn % odd.length] ?? {};
      const status = await plainly(sent)().catch(() => 0);
      tried++;
      // Without a token that is accepted, the application refuses, as long as it asks for one.
      if (accepted !== undefined && status === 200) letIn++;
    }
  })();
  const step = async (): Promise<void> => {
    const before = callers.map((name) => load[name].done);
    const enough = () =>
      callers.every((name, index) => load[name].done >= (before[index] ?? 0) + callsAStep) || undefined;
    await eventually('calls are made', () => (failed.length > 0 ? true : enough()), 240_000);
    expect(failed.slice(0, 3)).toEqual([]);
  };
  const move = async (name: (typeof callers)[number], sent: Readonly<Record<string, string>>): Promise<void> => {
    await wall.sidecar(name);
    const call = async () => (await httpCall({ port: ports[name], headers: sent })).status;
    await eventually(
      `${name} reaches it by its sidecar`,
      async () => (await call().catch(() => 0)) === 200 || undefined,
      60_000,
    );
    load[name].call = call;
  };

  await step();
  // The next token: callers that have not moved change theirs when they like, and then it is the current one.
  for (const name of callers) {
    load[name].call = plainly({ [header]: 'token-2' });
    await step();
  }
  put('current', 'token-2');
  await step();
  await move('rails', {});
  await step();
  // One that keeps sending an old token, or anything, is as well off.
  await move('registry', { [header]: 'stale' });
  load.rails.call = async () => (await httpCall({ port: ports.rails })).status;
  await step();
  await apply(documents('strict', `, credential: {header: ${header}, ${grants}}`));
  await step();
  // Rotated by the two who still know it.
  accepted = ['token-2', 'token-3'];
  put('current', 'token-3');
  await step();
  accepted = undefined;
  await apply(documents('strict', ''));
  await step();
  going = false;
  await Promise.all([...running, attack]);
  const calls = callers.reduce((sum, name) => sum + load[name].done, 0);
  await whoHadIt(wall);
  figure('calls', calls);
  figure('failedCalls', failed.length);
  figure('forgeriesTried', tried);
  figure('forgeriesThatArrived', forged);
  expect(failed).toEqual([]);
  expect([forged, letIn]).toEqual([0, 0]);
  expect(tried).toBeGreaterThan(10);
}, 1_500_000);
