// Memory for bytes that soon go out: small pieces of larger blocks, because a block costs far more than its bytes when it is made, and when
// it is collected. A piece keeps its whole block alive, so this is not for what stays.

/** A slow reader keeps at most so much for each of its pieces. */
const blockBytes = 64 * 1024;
const mostPiece = blockBytes / 4;

let block = Buffer.alloc(0);
let at = 0;

/** Not cleared: the caller writes all of it. */
export function slab(bytes: number): Buffer {
  if (bytes > mostPiece) return Buffer.allocUnsafe(bytes);
  if (at + bytes > block.length) {
    block = Buffer.allocUnsafeSlow(blockBytes);
    at = 0;
  }
  const piece = block.subarray(at, at + bytes);
  at += bytes;
  return piece;
}
