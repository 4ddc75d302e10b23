// `envoy --mode validate`, on a bootstrap that holds everything.
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeSecretFile } from '../identity/secret-file.ts';
import { temporaryFolder } from '../lib/temporary-folder.ts';

const timeoutMs = 30_000;
const maxReason = 1000;

/** Undefined when Envoy takes it, else what it says. */
export async function askEnvoy(binary: string, bootstrap: object): Promise<string | undefined> {
  const folder = temporaryFolder('validate');
  try {
    const path = join(folder, 'bootstrap.json');
    writeSecretFile(path, JSON.stringify(bootstrap), 0o600, false);
    const args = ['--mode', 'validate', '--config-path', path, '--use-dynamic-base-id', '--concurrency', '1'];
    return await new Promise((resolve) => {
      execFile(binary, [...args, '--log-level', 'error'], { timeout: timeoutMs }, (failure, _stdout, stderr) => {
        resolve(failure === null ? undefined : reasonOf(stderr || failure.message));
      });
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Envoy's last word, without the time and the place in its source. */
function reasonOf(text: string): string {
  const lines = text.trim().split('\n');
  const critical = lines.findLast((line) => /\[(critical|error)\]/.test(line)) ?? lines.at(-1) ?? '';
  return critical
    .replace(/^(\[[^\]]*\]\s*)+/, '')
    .replace(/^error initializing configuration '[^']*': /, '')
    .slice(0, maxReason);
}
