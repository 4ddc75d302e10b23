// What the admin API accepts and answers about sessions of the page.
import { z } from 'zod';
import { roles } from './caller.ts';

export const sessionBodySchema = z.strictObject({});

const whoSchema = z.object({
  name: z.string().describe('The author of what is changed with it.'),
  role: z.enum(roles),
  rawResources: z.boolean(),
});

export const signInSchema = z.object({
  oidc: z
    .object({ name: z.string().describe('As in GitLab.'), path: z.string().describe('Where a browser goes to.') })
    .exactOptional()
    .describe('Absent: nobody signs in by OpenID Connect.'),
});

export const sessionSchema = whoSchema.extend({
  expiresAt: z.number().exactOptional().describe('Of the session. Absent: the credential itself was shown.'),
});

export const openedSessionSchema = whoSchema.extend({
  session: z
    .string()
    .describe(
      'One half of the session, for the header `x-cellwall-session`; the other one is the cookie of this answer.',
    ),
  expiresAt: z.number(),
});

export const sessionCodeSchema = z.object({
  code: z.string().describe('Opens one session, once: `authorization: Bearer <code>` at `POST /v1/session`.'),
  expiresAt: z.number(),
  page: z
    .string()
    .exactOptional()
    .describe('Where the page is, on the host of the control plane. Absent: it is not served.'),
});

export const endedSessionSchema = z.object({ ended: z.boolean() });

export type SignInAnswer = z.output<typeof signInSchema>;
export type SessionAnswer = z.output<typeof sessionSchema>;
export type OpenedSessionAnswer = z.output<typeof openedSessionSchema>;
export type SessionCodeAnswer = z.output<typeof sessionCodeSchema>;
