// The lock of a data folder, between processes: a second is refused by name, and a killed holder is in nobody's way.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockFolder } from '../../src/lib/folder-lock.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-lock-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const module = new URL('../../src/lib/folder-lock.ts', import.meta.url).href;

describe('the lock of a folder', () => {
  it('refuses a second holder, until the first releases it', () => {
    const options = { folder, name: 'serve', hint: 'use another --data' };
    const first = lockFolder(options);
    const refusal = expect.objectContaining({
      code: 'failed_precondition',
      message: `${folder} is in use: already running as pid ${process.pid}`,
      hint: 'use another --data',
    });
    // Twice: being refused must not loosen it.
    expect(() => lockFolder(options)).toThrow(refusal);
    expect(() => lockFolder(options)).toThrow(refusal);
    first.release();
    lockFolder(options).release();
  });

  it('names another process as the holder, and is free at once when that is killed', async () => {
    const script = `import { lockFolder } from ${JSON.stringify(module)};
      globalThis.held = lockFolder({ folder: ${JSON.stringify(folder)}, name: 'serve', hint: '' });
      console.log('held'); setInterval(() => globalThis.held, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      await once(child.stdout, 'data');
      expect(() => lockFolder({ folder, name: 'serve', hint: '' })).toThrow(`already running as pid ${child.pid}`);
    } finally {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    lockFolder({ folder, name: 'serve', hint: '' }).release();
  });
});
