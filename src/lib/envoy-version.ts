// Which Envoys a service's wall may stand on. An older one takes the configuration and ignores fields that it does not know: of a TCP
// service that refuses, 1.36 lets the application's greeting through.

/** The oldest that knows every field that translate uses, and has the fixes of August 2026 (docs/sidecar.md). */
export const oldestEnvoy = '1.39.1';

/** `envoy/1.40.0`, as a node says of itself, or what `envoy --version` prints; undefined: no release of Envoy is named. */
export function envoyVersionIn(text: string): string | undefined {
  return /(?:^envoy\/|version: [0-9a-f]+\/)(\d{1,4}\.\d{1,4}\.\d{1,4})(?![\w.-])/m.exec(text)?.[1];
}

export function isTooOld(version: string): boolean {
  const [wanted, given] = [parts(oldestEnvoy), parts(version)];
  const at = wanted.findIndex((part, index) => part !== given[index]);
  return at !== -1 && (given[at] ?? 0) < (wanted[at] ?? 0);
}

function parts(version: string): readonly number[] {
  return version.split('.').map(Number);
}
