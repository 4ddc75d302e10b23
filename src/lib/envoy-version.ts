// Which Envoy versions can protect a service. An older one accepts the configuration and ignores fields that it does not know: when a TCP
// service denies a caller, 1.36 lets the application's greeting through.

/** The oldest version that knows every field that translate uses, and has the fixes of August 2026 (docs/sidecar.md). */
export const oldestEnvoy = '1.39.1';

/** `envoy/1.40.0`, as a node describes itself, or what `envoy --version` prints; undefined if it names no Envoy release. */
export function envoyVersionIn(text: string): string | undefined {
  return /(?:^envoy\/|version: [0-9a-f]+\/)(\d{1,4}\.\d{1,4}\.\d{1,4})(?![\w.-])/m.exec(text)?.[1];
}

/** `version` as in "1.36.2". */
export function isTooOld(version: string): boolean {
  const [wanted, given] = [parts(oldestEnvoy), parts(version)];
  const at = wanted.findIndex((part, index) => part !== given[index]);
  return at !== -1 && (given[at] ?? 0) < (wanted[at] ?? 0);
}

function parts(version: string): readonly number[] {
  return version.split('.').map(Number);
}
