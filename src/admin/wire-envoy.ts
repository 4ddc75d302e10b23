// What a proxy was sent, as the admin API answers it.
import { z } from 'zod';
import { reasonTextSchema } from './wire-access.ts';
import { placeSchema } from './wire-place.ts';

/** Envoy's, the most telling first. */
const envoyLogLevels = ['trace', 'debug', 'info', 'warning', 'error', 'critical', 'off'] as const;
const maxLoggers = 50;

export const sentQuerySchema = z.strictObject({
  proxy: z.string().min(1).max(2048).describe('Name of the proxy, as in `status`; `spiffe://` may be omitted.'),
});

export const sentSchema = z.object({
  node: z.string(),
  revision: z.int().describe('Revision of the documents when what it is sent last changed.'),
  resources: z.array(
    z.object({
      typeUrl: z.string(),
      name: z.string(),
      version: z.string().describe('Depends only on the content, not on line numbers in files.'),
      madeBy: z.array(placeSchema).describe('The documents that produced it, the most likely culprit first.'),
      message: z.unknown().describe("As JSON, with Envoy's field names; secrets read `[redacted]`."),
    }),
  ),
});

export const logLevelsBodySchema = z.strictObject({
  proxy: sentQuerySchema.shape.proxy,
  levels: z
    .record(z.string().regex(/^(?:\*|[a-z0-9_]{1,64})$/), z.enum(envoyLogLevels))
    .refine((levels) => Object.keys(levels).length <= maxLoggers, `${maxLoggers} loggers at most`)
    .describe("By Envoy's logger, or `*` for all. None: back to what was before, now."),
  for: z.string().max(16).default('10m').describe('After that, the levels of before come back; 24h at most.'),
  reason: reasonTextSchema,
});
export const logLevelsAnswerSchema = z.object({
  node: z.string(),
  loggers: z.int().describe('How many of its loggers have another level now, or have that of before again.'),
  until: z.number().exactOptional().describe('When they go back.'),
});

export type EnvoyLogLevel = (typeof envoyLogLevels)[number];
export type LogLevelsBody = z.input<typeof logLevelsBodySchema>;
export type LogLevelsAnswer = z.output<typeof logLevelsAnswerSchema>;
export type SentAnswer = z.output<typeof sentSchema>;
