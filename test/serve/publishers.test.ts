// The trust bundle of a running control plane, at the places that `--publish` names; what `cellwall status` and /metrics tell of them.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatStatus } from '../../src/cli/output/format-status.ts';
import { eventually } from '../support/eventually.ts';
import { cellText, meshText, serviceText, yaml } from '../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';

const documents = yaml(meshText('strict'), cellText('cell-1', 1), serviceText('cell-1/api'));
let parent: string;
let folder: string;
let running: ServeHarness | undefined;

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'cellwall-published-'));
  folder = join(parent, 'trust');
});
afterEach(async () => {
  await running?.stop();
  running = undefined;
  rmSync(parent, { recursive: true, force: true });
});

const pem = () => readFileSync(join(folder, 'bundle.pem'), 'utf8');
const root = ({ folder: at }: ServeHarness) => readFileSync(join(at, 'data/ca/root/certificate.pem'), 'utf8');
const statusOf = async ({ admin }: ServeHarness) => (await admin.status()).publishers ?? [];
const confirmed = (serve: ServeHarness, name: string) =>
  eventually(`${name} is confirmed`, async () =>
    (await statusOf(serve)).find((publisher) => publisher.name === name && publisher.confirmed),
  );
async function shown(serve: ServeHarness): Promise<string> {
  const status = await serve.admin.status();
  return formatStatus({ status, services: [], proxies: [], traffic: [], now: Date.now() });
}
const sample = (text: string, metric: string, publisher: string): number | undefined => {
  const line = text.split('\n').find((one) => one.startsWith(`${metric}{publisher="${publisher}"} `));
  return line === undefined ? undefined : Number(line.split(' ').at(-1));
};

describe('serve --publish', () => {
  it('publishes the roots of its CA, and says so', async () => {
    const name = `directory:${folder}`;
    running = await startServe(documents, { publish: [{ kind: 'directory', place: folder }] });
    const first = await confirmed(running, name);
    expect(first).toMatchObject({ failures: 0, drifts: 0 });
    const { sequence = 0 } = first;
    expect(sequence).toBeGreaterThan(0);
    expect(pem()).toBe(root(running));
    const text = await shown(running);
    expect(text).toMatch(/^BUNDLE PUBLISHED TO +SEQUENCE +PUBLISHED +CONFIRMED +NEEDS SOMEBODY$/m);
    expect(text.split('\n').find((line) => line.startsWith(name))).toMatch(new RegExp(` ${sequence} .* -$`));
    const metrics = await running.metrics();
    expect(sample(metrics, 'cellwall_publisher_published_sequence', name)).toBe(sequence);
    expect(sample(metrics, 'cellwall_publisher_failures_total', name)).toBe(0);
    expect(sample(metrics, 'cellwall_publisher_confirmed_age_seconds', name)).toBeLessThan(60);
    await running.restart();
    expect((await confirmed(running, name)).publishedAt).toBeUndefined();
  });

  it('tells of a place that cannot be had, and serves all the same', async () => {
    const [good, bad] = [`directory:${folder}`, `directory:${parent}/volume/trust`];
    const serve = await startServe(documents, {
      publish: [
        { kind: 'directory', place: `${parent}/volume/trust` },
        { kind: 'directory', place: folder },
      ],
    });
    running = serve;
    await confirmed(serve, good);
    const failing = await eventually('it is told', async () => (await statusOf(serve)).find(({ error }) => error));
    expect(failing).toMatchObject({ name: bad, confirmed: false, error: { hint: expect.stringMatching(/mounted/) } });
    expect((await running.admin.status()).ready).toBe(true);
    expect(await shown(running)).toMatch(
      /volume\/trust +- +- +no \(last -\) +cannot make the folder .*ENOENT.*; is its volume mounted/,
    );
    const metrics = await running.metrics();
    expect(sample(metrics, 'cellwall_publisher_failures_total', bad)).toBeGreaterThan(0);
    expect(sample(metrics, 'cellwall_publisher_published_sequence', bad)).toBeUndefined();
  });
});
