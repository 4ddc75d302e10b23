// Sockets of dependencies that a proxy cannot make, out of Envoy's words for it, and what to do. Pure.
import { posix } from 'node:path';

/** Of the texts with which it rejected listeners; they come from a proxy: nothing goes on but a path as documents have it, and letters. */
export function socketFaults(nacks: readonly string[]): readonly string[] {
  const faults = nacks.flatMap((nack) => [
    ...nack.matchAll(/cannot bind '((?:\/[A-Za-z0-9._@~+-]+)+\.sock)': ([A-Za-z -]{1,80})/g),
  ]);
  return faults.map(
    ([, path = '', why = '']) => `it cannot make the socket ${path}: ${remedy(posix.dirname(path), why)}`,
  );
}

/** `why`: as strerror(3) says it. */
function remedy(folder: string, why: string): string {
  switch (why) {
    case 'No such file or directory':
      return `create the folder ${folder}, writable for the sidecar's user; it tries again, every 20 s at most`;
    case 'Not a directory':
      return `${folder} is not a folder, or its parent is not: change dependsOn.listen, or create the folder`;
    case 'Permission denied':
    case 'Operation not permitted':
    case 'Read-only file system':
      return `its user may not write to ${folder} (${why.toLowerCase()}): give it permission, or change dependsOn.listen`;
    case 'Address already in use':
      return 'something else has that name: remove it, or change dependsOn.listen';
    default:
      return `${why}: fix that, or change dependsOn.listen`;
  }
}
