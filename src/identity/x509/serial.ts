// Serial numbers of certificates: from the system's random generator, which is asked for many at a time.
import { randomFillSync } from 'node:crypto';

const bytes = 16;
const pool = Buffer.alloc(256 * bytes);
let used = pool.length;

/** 128 random bits, positive, of fixed length: RFC 5280 §4.1.2.2 allows 20 octets. Hex. */
export function randomSerial(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const serial = pool.toString('hex', used, used + bytes);
  // None is used twice, whatever reads the pool later.
  pool.fill(0, used, used + bytes);
  used += bytes;
  return `01${serial}`;
}
