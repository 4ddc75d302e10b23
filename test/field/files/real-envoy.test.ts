// The ways in which people and programs write the directory, under real Envoys that are asked all the while for what is refused before
// and after: none of it passes, and what is allowed is never refused. At the end the control: a document that is really removed.
import { execFile } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EchoApplication, startHttp1Echo } from '../../support/echo-application.ts';
import { eventually } from '../../support/eventually.ts';
import { figure, qualifying } from '../../support/figure.ts';
import { freePorts } from '../../support/free-ports.ts';
import { httpCall } from '../../support/http-call.ts';
import { policyText, serviceText, yaml } from '../../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../../support/serve-harness.ts';
import { startSidecarEnvoy } from '../../support/sidecar-envoy.ts';
import type { RunningEnvoy } from '../../support/start-envoy.ts';
import { swapConfigMap, swapLink } from './writers.ts';

/** How long a writer pauses in the middle. */
const pauseMs = qualifying ? 2500 : 700;
const others = qualifying ? 200 : 100;

const base = yaml(
  'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: permissive}}',
  serviceText('api'),
  serviceText('pub'),
  policyText('everything', 'api', 'allow', '[{from: [{everyone: true}]}]'),
);
/** Of a service that allows everything else. */
const deny = yaml(policyText('secret', 'api', 'deny', '[{from: [{everyone: true}], to: [{path: {prefix: /secret}}]}]'));
/** The only one of its service: without it everything would pass. */
const allow = yaml(policyText('open', 'pub', 'allow', '[{from: [{everyone: true}], to: [{path: {prefix: /open}}]}]'));

let wall: ServeHarness;
let folder: string;
let application: EchoApplication;
let envoys: RunningEnvoy[] = [];
let ports: readonly number[] = [];
let probing = true;
let betweenProbesMs = 10;
let probes: Promise<void>;
const seen = { refused: 0, letThrough: 0, allowed: 0, wronglyRefused: 0 };

async function probe(port: number, refused: string, allowed: string): Promise<void> {
  while (probing) {
    const [no, yes] = await Promise.all([httpCall({ port, path: refused }), httpCall({ port, path: allowed })]);
    seen[no.status === 403 ? 'refused' : 'letThrough'] += 1;
    seen[yes.status === 200 ? 'allowed' : 'wronglyRefused'] += 1;
    await delay(betweenProbesMs);
  }
}

const contents = (): ReadonlyMap<string, string> =>
  new Map(
    readdirSync(folder)
      .filter((name) => name.endsWith('.yaml'))
      .map((name) => [name, readFileSync(join(folder, name), 'utf8')]),
  );
const at = (name: string): string => join(folder, name);
const inShell = (command: string) => promisify(execFile)('sh', ['-c', command], { cwd: folder });
/** An edit whose effect can be told. */
async function edit(
  name: string,
  write: (path: string, text: string) => void,
  path = `/mark-${name}`,
): Promise<number> {
  const text = yaml(
    policyText(`mark-${name}`, 'api', 'deny', `[{from: [{everyone: true}], to: [{path: {exact: ${path}}}]}]`),
  );
  write(at(`mark-${name}.yaml`), text);
  const written = performance.now();
  await eventually(
    `${name} is in force`,
    async () => (await httpCall({ port: ports[0] ?? 0, path })).status === 403 || undefined,
  );
  return performance.now() - written;
}

beforeAll(async () => {
  application = await startHttp1Echo();
  wall = await startServe(base);
  folder = join(wall.folder, 'documents');
  writeFileSync(at('deny.yaml'), deny);
  writeFileSync(at('allow.yaml'), allow);
  for (let index = 0; index < others; index++) {
    const rules = `[{from: [{everyone: true}], to: [{path: {exact: /other-${index}}}]}]`;
    writeFileSync(at(`other-${index}.yaml`), yaml(policyText(`other-${index}`, 'api', 'deny', rules)));
  }
  ports = await freePorts(2);
  for (const [index, service] of ['api', 'pub'].entries()) {
    const inbound = ports[index] ?? 0;
    const options = { variant: 'delta', inbound, application: application.port } as const;
    envoys = [...envoys, await startSidecarEnvoy(wall, `spiffe://td1/service/${service}`, options)];
    const path = index === 0 ? '/secret' : '/elsewhere';
    await eventually(
      `${service} refuses`,
      async () => {
        const answer = await httpCall({ port: inbound, path }).catch(() => undefined);
        return answer?.status === 403 || undefined;
      },
      30_000,
    );
  }
  probes = Promise.all([probe(ports[0] ?? 0, '/secret', '/public'), probe(ports[1] ?? 0, '/elsewhere', '/open')]).then(
    () => undefined,
  );
}, 90_000);

afterAll(async () => {
  probing = false;
  await probes;
  for (const envoy of envoys) await envoy.stop();
  await application?.stop();
  await wall?.stop();
});

const ways: readonly [string, () => Promise<unknown> | unknown][] = [
  ['a shell that writes late', () => inShell(`cp deny.yaml .bak; (sleep ${pauseMs / 1000}; cat .bak) > deny.yaml`)],
  [
    'the same with the only allow policy',
    () => inShell(`cp allow.yaml .bak; (sleep ${pauseMs / 1000}; cat .bak) > allow.yaml`),
  ],
  [
    'two pieces',
    () => inShell(`cp deny.yaml .bak; (head -n 2 .bak; sleep ${pauseMs / 1000}; tail -n +3 .bak) > deny.yaml`),
  ],
  [
    'another policy in front, in two pieces: the first is a policy of its own',
    async () => {
      const other = yaml(
        policyText('first', 'api', 'deny', '[{from: [{everyone: true}], to: [{path: {exact: /first}}]}]'),
      );
      writeFileSync(at('deny.yaml'), other);
      await delay(pauseMs);
      appendFileSync(at('deny.yaml'), `---\n${deny}`);
    },
  ],
  [
    'delete and create',
    async () => {
      rmSync(at('deny.yaml'));
      await delay(pauseMs);
      writeFileSync(at('deny.yaml'), deny);
    },
  ],
  [
    'cp of unchanged files',
    () => {
      mkdirSync(`${folder}-copy`);
      for (const [name, text] of contents()) writeFileSync(join(`${folder}-copy`, name), text);
      inShell(`for round in 1 2 3; do cp ${folder}-copy/*.yaml .; done`);
    },
  ],
  [
    'git checkout',
    () =>
      inShell(
        'git init -q . && git config user.email a@b && git config user.name a && git add . && git commit -qm one ' +
          '&& sed -i "$ a # two" *.yaml && git commit -qam two && for round in 1 2 3; do git checkout -q HEAD~1 && ' +
          'git checkout -q -; done; rm -rf .git',
      ),
  ],
  [
    'a folder replaced',
    async () => {
      mkdirSync(`${folder}-next`);
      for (const [name, text] of contents()) writeFileSync(join(`${folder}-next`, name), text);
      renameSync(folder, `${folder}-old`);
      await delay(pauseMs);
      renameSync(`${folder}-next`, folder);
    },
  ],
  [
    'git-sync: the root is a link that is turned',
    async () => {
      const files = contents();
      renameSync(folder, `${folder}-before`);
      await swapLink(folder, files, 1);
      for (let revision = 2; revision < 6; revision++) await swapLink(folder, files, revision);
    },
  ],
  [
    'a ConfigMap, swapped',
    async () => {
      const files = contents();
      for (const name of files.keys()) rmSync(at(name));
      for (let revision = 1; revision < 6; revision++) {
        await swapConfigMap(folder, files, revision);
        await delay(100);
      }
    },
  ],
];

test.each(ways)(
  '%s: nothing refused passes, nothing allowed is refused',
  async (_, write) => {
    const before = { ...seen };
    await write();
    await delay(300);
    expect(seen.letThrough - before.letThrough).toBe(0);
    expect(seen.wronglyRefused - before.wronglyRefused).toBe(0);
    expect(seen.refused).toBeGreaterThan(before.refused);
  },
  60_000,
);

test('edits by a rename are still in force soon after all of that, a denial written in place as well', async () => {
  // The probes share this process with the control plane: they must not be what is measured.
  betweenProbesMs = 100;
  const rename = (path: string, text: string): void => {
    writeFileSync(at('.new'), text);
    renameSync(at('.new'), path);
  };
  const inPlace = (path: string, text: string): void => writeFileSync(path, text);
  await edit('settled', inPlace);
  // No denial that goes at once: it is in force when everything before it is.
  await edit('settled', inPlace, '/mark-settled-again');
  const renamed = await edit('renamed', rename);
  // Another path in its place: what it refused before is let through, so it is no denial that may go at once.
  const replaced = await edit('renamed', rename, '/mark-replaced');
  const denial = await edit('denial', inPlace);
  const files = contents();
  rmSync(folder, { recursive: true });
  await swapLink(folder, files, 9);
  await delay(100);
  const afterSwap = await edit('swapped', inPlace);
  figure('renamedMs', Math.round(renamed));
  figure('replacedMs', Math.round(replaced));
  figure('denialMs', Math.round(denial));
  figure('denialAfterLinkSwapMs', Math.round(afterSwap));
  // What it is on a quiet machine is edits-in-time.test.ts's to say.
  for (const [what, ms] of Object.entries({ renamed, replaced, denial, afterSwap }))
    expect(ms, what).toBeLessThan(3000);
  expect(seen).toMatchObject({ letThrough: 0, wronglyRefused: 0 });
}, 30_000);

test('control: what is really removed passes, after the settle time', async () => {
  figure('refusedCallsProbed', seen.refused);
  figure('letThrough', seen.letThrough);
  figure('wronglyRefused', seen.wronglyRefused);
  expect(seen.letThrough).toBe(0);
  copyFileSync(at('deny.yaml'), join(wall.folder, 'deny.bak'));
  rmSync(at('deny.yaml'));
  const removed = performance.now();
  await eventually('the removal is in force', () => seen.letThrough > 0 || undefined);
  const ms = performance.now() - removed;
  figure('removalMs', Math.round(ms));
  expect(ms).toBeGreaterThan(3000);
}, 30_000);
