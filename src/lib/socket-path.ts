// A Unix socket as in flags and claims, `unix:/run/app.sock`. Whoever claims one is not trusted: the text must be a plain path without
// detours, and printable.

export interface SocketPath {
  readonly path: string;
}

/** Including "unix:", in bytes: sun_path has 108, one of them for the terminator. */
export const maxSocketText = 'unix:'.length + 107;

/**
 * Undefined if it is not acceptable: relative, abstract (the first process to bind it has it), too long, with `.` or `..` or unprintable
 * characters.
 */
export function parseSocketPath(text: string): SocketPath | undefined {
  if (Buffer.byteLength(text) > maxSocketText) return undefined;
  const path = /^unix:((?:\/(?!\.{1,2}(?:\/|$))[^/\p{C}\p{Zl}\p{Zp}]+)+)$/u.exec(text)?.[1];
  return path === undefined ? undefined : { path };
}

/** The reverse of `parseSocketPath`. */
export function formatSocketPath({ path }: SocketPath): string {
  return `unix:${path}`;
}
