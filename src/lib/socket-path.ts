// A Unix socket as flags and claims have it, `unix:/run/app.sock`. Whoever claims one is not trusted: it says nothing but where one file
// is, without detours, and prints as itself.

export interface SocketPath {
  readonly path: string;
}

/** With "unix:" before it, in bytes: sun_path holds 108, one of them the end. */
export const maxSocketText = 'unix:'.length + 107;

/** Undefined for what is none: relative, abstract (whoever comes first has it), too long, with `.` or `..` or what does not print. */
export function parseSocketPath(text: string): SocketPath | undefined {
  if (Buffer.byteLength(text) > maxSocketText) return undefined;
  const path = /^unix:((?:\/(?!\.{1,2}(?:\/|$))[^/\p{C}\p{Zl}\p{Zp}]+)+)$/u.exec(text)?.[1];
  return path === undefined ? undefined : { path };
}

export function formatSocketPath({ path }: SocketPath): string {
  return `unix:${path}`;
}
