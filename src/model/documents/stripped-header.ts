// A header that carries identity: its name, or the beginning of its name followed by "*". Lower case, with "-", which stands for every
// spelling. Headers that every request needs cannot be stripped.
import { z } from 'zod';

/** Each character except letters and digits makes the expression on the proxy longer, and Envoy limits its size. */
export const maxHeaderParts = 8;
/** Headers without which a request means something else. */
export const needed =
  /^(:|host$|te$|connection$|expect$|upgrade$|content-|transfer-|accept|grpc-|x-cellwall-|x-envoy-)/;

export const strippedHeaderSchema = z
  .string()
  .max(48)
  .regex(/^[A-Za-z0-9]+([-_][A-Za-z0-9]+)*([-_]\*)?$/, {
    error: 'not a header name: letters, digits and "-", optionally ending in "-*"',
  })
  .transform((name) => name.toLowerCase().replaceAll('_', '-'))
  .refine((name) => name.split('-').length <= maxHeaderParts, { error: `over ${maxHeaderParts} parts` })
  .refine((name) => !needed.test(name), { error: 'a header that requests need' });
