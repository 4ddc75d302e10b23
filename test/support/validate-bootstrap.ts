// `envoy --mode validate` on a bootstrap file: undefined when it is accepted, else what Envoy said.
import { spawnSync } from 'node:child_process';
import { silentLog } from '../../src/lib/log.ts';
import { findEnvoy } from '../../src/sidecar/envoy/envoy-binary.ts';

export async function validateBootstrap(path: string): Promise<string | undefined> {
  const binary = await findEnvoy({ env: process.env, log: silentLog });
  const { status, stderr } = spawnSync(
    binary,
    ['--mode', 'validate', '--config-path', path, '--use-dynamic-base-id', '--concurrency', '1'],
    { encoding: 'utf8' },
  );
  return status === 0 ? undefined : stderr;
}
