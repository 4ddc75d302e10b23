// Pieces that several document kinds share.
import { z } from 'zod';

/** A DNS label: names of cells, services, policies, workloads. */
export const nameSchema = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, {
  error: 'not a name: lower-case letters, digits and hyphens, 63 at most, beginning and ending with a letter or digit',
});

/**
 * Names a service: `cell/name`, or `name` alone for the service of that name in the document's own cell, otherwise the one that is in no
 * cell.
 */
export const serviceRefSchema = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\/[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$/, {
    error: 'not a service reference: "name", or "cell/name"',
  });

/** TCP; 0 is not a port that documents may name. */
export const portSchema = z.int().min(1).max(65_535);

/** An IPv4 or IPv6 address, no host name. */
export const ipSchema = z.union([z.ipv4(), z.ipv6()], { error: 'not an IP address' });

/** `metadata` of a kind that may be in a cell. */
export const scopedMetadataSchema = z.strictObject({
  name: nameSchema,
  cell: nameSchema.optional().describe('The cell it belongs to, if any.'),
});

/** `metadata` of a kind that is outside of cells. */
export const globalMetadataSchema = z.strictObject({ name: nameSchema });

export const apiVersionSchema = z.literal('cellwall/v1');
