// Whose Envoy it is: the noted process, started when that was, with that configuration; nobody else.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  envoyRecordPath,
  findLeftoverEnvoy,
  removeEnvoyRecord,
  writeEnvoyRecord,
} from '../../src/sidecar/envoy/envoy-record.ts';

let dir: string;
let config: string;
let envoy: ChildProcess;
let pid: number;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cellwall-record-'));
  config = join(dir, 'envoy.json');
  const args = ['-e', 'setInterval(() => {}, 1000)', '--', '--config-path', config];
  envoy = spawn(process.execPath, args, { stdio: 'ignore' });
  pid = envoy.pid ?? 0;
});

afterEach(() => {
  envoy.kill('SIGKILL');
  rmSync(dir, { recursive: true, force: true });
});

/** The record with one part of it changed. */
function noteWith(part: object): void {
  writeEnvoyRecord(dir, { pid, config, inbounds: ['127.0.0.1:8443'] });
  const record: object = JSON.parse(readFileSync(envoyRecordPath(dir), 'utf8'));
  writeFileSync(envoyRecordPath(dir), JSON.stringify({ ...record, ...part }));
}

describe('the record of an Envoy', () => {
  it('finds it, where it takes calls and where its admin is, until it ends', async () => {
    writeEnvoyRecord(dir, { pid, config, inbounds: ['127.0.0.1:8443'] });
    writeFileSync(join(dir, 'admin-address'), '[::1]:9901');
    const found = findLeftoverEnvoy(dir);
    expect(found).toMatchObject({ pid, inbounds: ['127.0.0.1:8443'], admin: { kind: 'tcp', host: '::1', port: 9901 } });
    expect(found?.running()).toBe(true);
    const ended = once(envoy, 'exit');
    found?.kill('SIGTERM');
    await ended;
    expect(found?.running()).toBe(false);
    found?.kill('SIGKILL');
    expect(findLeftoverEnvoy(dir)).toBeUndefined();
  });

  it.each<[string, () => void]>([
    ['no record', () => removeEnvoyRecord(dir)],
    ['the pid of another program', () => noteWith({ pid: process.pid })],
    ['the pid of init', () => noteWith({ pid: 1 })],
    ['no pid', () => noteWith({ pid: -pid })],
    ['a process that was started at another time', () => noteWith({ started: 'another-boot/12345' })],
    ['an Envoy of another folder', () => noteWith({ config: '/elsewhere/envoy.json' })],
    ['what is no record', () => writeFileSync(envoyRecordPath(dir), '{"pid":')],
  ])('finds nothing by %s', (_, prepare) => {
    writeEnvoyRecord(dir, { pid, config, inbounds: [] });
    prepare();
    expect(findLeftoverEnvoy(dir)).toBeUndefined();
  });
});
