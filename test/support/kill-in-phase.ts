// Kills a control plane (kill -9) the moment that its rotation of the root is in a phase, as the record on its disk says: by a process of
// its own, as some phases last for milliseconds.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

const script = `
const { readFileSync } = require('node:fs');
const [file, phase, pid] = process.argv.slice(1);
const cell = new Int32Array(new SharedArrayBuffer(4));
process.stdout.write('ready');
for (const end = Date.now() + 120000; Date.now() < end; Atomics.wait(cell, 0, 0, 0.2)) {
  let text = '';
  try { text = readFileSync(file, 'utf8'); } catch {}
  if (!new RegExp('"phase": *"' + phase + '"').test(text)) continue;
  process.kill(Number(pid), 'SIGKILL');
  process.exit(0);
}
process.exit(1);
`;

export interface KillInPhase {
  /** `roots.json`. */
  readonly file: string;
  readonly phase: string;
  readonly pid: number;
}

/** Calls `begin` once it watches; resolves when the process is killed. Throws if it never was in that phase. */
export async function killInPhase({ file, phase, pid }: KillInPhase, begin: () => Promise<unknown>): Promise<void> {
  const child = spawn(process.execPath, ['-e', script, file, phase, String(pid)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  await once(child.stdout, 'data');
  // It may be killed before it answers.
  const begun = begin().catch(() => undefined);
  const [code] = await ended;
  await begun;
  if (code !== 0) throw new Error(`it was not seen in the phase ${phase}`);
}
