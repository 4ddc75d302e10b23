// The control: go-control-plane's server, built once a process with the Go toolchain.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCommandTarget } from './command-target.ts';
import type { Target } from './target.ts';

export interface Control {
  readonly target: Target;
  close(): void;
}

/** Builds it; undefined where there is no Go. */
export function buildControl(): Control | undefined {
  try {
    execFileSync('go', ['version'], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  const folder = mkdtempSync(join(tmpdir(), 'cellwall-control-'));
  const command = join(folder, 'control');
  execFileSync('go', ['build', '-o', command, '.'], { cwd: join(import.meta.dirname, 'control'), stdio: 'inherit' });
  return {
    target: createCommandTarget({
      name: 'go-control-plane 0.14',
      command,
      args: ({ transport }) => (transport === 'ads' ? ['-ads'] : []),
    }),
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}
