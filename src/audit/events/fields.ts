// Fields that many events of the audit log have.
import { z } from 'zod';

export const texts = z.array(z.string()).readonly();

export const author = z.string().describe('Who did it.');

export const reason = z.string().exactOptional().describe('The reason that its author gave.');

/** What evidence proved; long values are cut off. */
export const proved = z.record(z.string(), z.string()).readonly();

/** SHA-256 of the key, hexadecimal. */
export const nodeKey = z.string().describe('The host, by its node key.');

export const isoTime = z.string().describe('ISO 8601.');
