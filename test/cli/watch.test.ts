// `status --watch` in a real terminal, and beside it.
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { parseSpiffeId } from '../../src/model/spiffe-id.ts';
import type { ProxyStatus } from '../../src/registry/proxy-status.ts';
import { type AdminHarness, adminToken, startAdmin } from '../support/admin-harness.ts';
import { runCli } from '../support/cli-harness.ts';
import { projectRoot } from '../support/source-files.ts';
import { openTerminal } from '../support/terminal.ts';

const [enter, leave] = ['␛[?1049h␛[?25l␛[?7l', '␛[?7h␛[?25h␛[?1049l'];
const bin = join(projectRoot, 'bin/cellwall.cjs');
let admin: AdminHarness | undefined;
let proxies: readonly ProxyStatus[] = [];

afterEach(async () => {
  await admin?.close();
  admin = undefined;
  proxies = [];
});

async function env(): Promise<Readonly<Record<string, string>>> {
  admin = await startAdmin({ proxies: () => proxies });
  return { CELLWALL_ADMIN: `127.0.0.1:${admin.address.port}`, CELLWALL_ADMIN_TOKEN: adminToken, HOME: '/nonexistent' };
}

const spiffeId = parseSpiffeId('spiffe://td1/service/api');
if (spiffeId === undefined) throw new Error('no SPIFFE ID');
const named = (instance: string): ProxyStatus => ({
  ...{ node: `${spiffeId}~${instance}`, spiffeId },
  ...{ state: 'connected', since: 0, ready: true, types: [] },
});
/** Whole pictures, as lines. */
const pictures = (text: string): readonly (readonly string[])[] =>
  [...text.matchAll(/␛\[\?2026h␛\[H(.*?)␛\[J␛\[\?2026l/gs)].map(([, lines = '']) =>
    lines.split(/␛\[K\r+\n/).map((line) => line.replaceAll(/␛\[[\d;]*[mK]/g, '')),
  );

it('is drawn in place, follows what changes and the size of its terminal, and leaves the terminal as it was', async () => {
  proxies = [named('one')];
  const options = { columns: 100, rows: 30, env: { ...(await env()), TERM: 'xterm' } };
  const terminal = openTerminal([process.execPath, bin, 'status', '--watch', '--every', '500ms'], options);
  expect((await terminal.until(/api~one/)).indexOf(enter)).toBe(0);
  expect(terminal.text()).toContain('␛[32mconnected');

  proxies = Array.from({ length: 40 }, (_, n) => named(`more-${n}`));
  await terminal.until(/api~more-3 .*more lines: make the terminal higher.*?␛\[J/s);
  expect(pictures(terminal.text()).at(-1)?.length).toBe(30);

  terminal.resize(70, 12);
  await terminal.until(/more lines: make the terminal higher.*?␛\[\?2026l/s);
  await terminal.until(/more lines: make the terminal higher.*?␛\[\?2026l/s);
  const small = pictures(terminal.text()).at(-1) ?? [];
  expect(small.length).toBe(12);
  expect(Math.max(...small.slice(0, -1).map((line) => line.length))).toBeLessThanOrEqual(70);

  // Ctrl-Z, and back again.
  terminal.type('\u001a');
  await terminal.until(/␛\[\?1049l/);
  terminal.signal(18);
  expect(await terminal.until(/␛\[\?2026l/)).toContain(enter);

  await admin?.close();
  admin = undefined;
  await terminal.until(/NO ANSWER since .*cannot reach the control plane/s);

  terminal.type('\u0003');
  expect(await terminal.exited).toBe(0);
  expect(terminal.text().endsWith(leave)).toBe(true);
  expect(terminal.text().split(enter).length).toBe(terminal.text().split(leave).length);
}, 60_000);

it('is no picture where the first answer is a failure', async () => {
  const terminal = openTerminal([process.execPath, bin, 'status', '--watch', 'nobody'], {
    ...{ columns: 100, rows: 30, env: await env() },
  });
  expect(await terminal.exited).toBe(1);
  expect(terminal.text()).not.toContain('␛');
  expect(terminal.text()).toContain('error: ');
}, 60_000);

it('beside a terminal is a state below the other, with -o json a line each, until it is told to end', async () => {
  const given = await env();
  for (const [form, told] of [
    [[], /trust domain/],
    [['-o', 'json'], /^\{"status":\{.*\}\n$/],
  ] as const) {
    const stop = new AbortController();
    const texts: string[] = [];
    const onOutput = (text: string): void => {
      texts.push(text);
      if (texts.length === 2) stop.abort();
    };
    const args = ['status', '--watch', '--every', '500ms', ...form];
    const { code } = await runCli(args, { env: given, stop: stop.signal, onOutput });
    expect([code, texts.length]).toEqual([0, 2]);
    for (const text of texts) expect(text).toMatch(told);
  }
});

it('ends when its reader has', async () => {
  const command = `"$0" "$1" status --watch --every 500ms -o json | head -1; echo "$\{PIPESTATUS[0]}"`;
  const terminal = openTerminal(['bash', '-c', command, process.execPath, bin], {
    ...{ columns: 100, rows: 30, env: await env() },
  });
  expect(await terminal.exited).toBe(0);
  expect(terminal.text()).toMatch(/^\{"status".*\}\r\n0\r\n$/);
}, 60_000);

it('status once has colours on a terminal alone, and none in JSON', async () => {
  const given = await env();
  proxies = [named('one')];
  const terminal = { columns: 100, rows: 30 };
  const esc = '\u001b[';
  expect((await runCli(['status'], { env: given, terminal })).stdout).toContain(`${esc}32mconnected${esc}39m`);
  expect((await runCli(['status'], { env: given })).stdout).not.toContain(esc);
  expect((await runCli(['status', '-o', 'json'], { env: given, terminal })).stdout).not.toContain(esc);
  expect((await runCli(['status'], { env: { ...given, NO_COLOR: '1' }, terminal })).stdout).not.toContain(esc);
});
