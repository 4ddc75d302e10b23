// `serve --admin-oidc FILE`: who may sign in to the page by an OpenID Connect provider, and with which role. A file of the process, not a
// document: otherwise whoever may edit policy could make themselves an admin.
import { accessSync, constants } from 'node:fs';
import { z } from 'zod';
import { CellwallError } from '../../lib/errors.ts';
import { isLoopback } from '../../lib/loopback.ts';
import { readOptionsFile } from '../../model/options-file.ts';
import { roles } from '../caller.ts';

const text = z.string().min(1).max(1024);
const path = z.string().min(1).max(4096);
const https = z.url({ protocol: /^https$/, error: 'not an https address' }).max(1024);

const roleSchema = z.strictObject({
  role: z.enum(roles).exclude(['scraper']),
  rawResources: z.boolean().default(false).describe('Whether they may also change EnvoyResource documents.'),
  claim: text.describe('Of the ID token, as in `groups_direct`.'),
  values: z
    .array(text)
    .min(1)
    .max(1000)
    .describe('One of them is the claim’s value, or is in its list, letter by letter.'),
});

const schema = z.strictObject({
  name: z.string().min(1).max(40).describe('What the page calls the provider, as in GitLab.'),
  issuer: https.describe('Exactly as in `iss`: https://gitlab.com.'),
  caFile: path.optional().describe("PEM file of the CA of the provider's addresses. Default: the system's."),
  clientId: text,
  clientSecretFile: path.optional().describe('Read at each sign-in. Default: the client is a public one.'),
  pageUrl: z
    .url({ protocol: /^https?$/, error: 'not an http or https address' })
    .refine(isGuarded, { error: 'codes would be sent in plaintext: https is needed beyond loopback' })
    .transform((url) => new URL(url))
    .refine(({ pathname, search, hash }) => pathname === '/' && search === '' && hash === '', {
      error: 'the page is at the top: no path, as in https://cellwall.example.org:18443',
    })
    .describe(
      'Where browsers reach the page. The provider must know this and /v1/sign-in/oidc/callback as its redirect URI.',
    ),
  scopes: z
    .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,100}$/))
    .max(20)
    .default([])
    .describe('Besides openid.'),
  nameClaim: text
    .default('sub')
    .describe(
      'The author of changes is `oidc:` and its value. Of what people can change themselves, another may be their second name.',
    ),
  sessionMinutes: z.int().min(5).max(480).default(60).describe('Until the provider is asked again.'),
  roles: z.array(roleSchema).min(1).max(100).describe('The strongest that applies. Whoever has none is refused.'),
});

export type AdminOidcOptions = z.output<typeof schema>;

/** Throws `invalid_argument` with file, line, column and reason. */
export function readAdminOidcOptions(file: string): AdminOidcOptions {
  const page = 'docs/page.md, "Sign-in by OpenID Connect"';
  const options = readOptionsFile({ file, schema, flag: '--admin-oidc', page });
  // At the start rather than when somebody signs in.
  for (const name of ['caFile', 'clientSecretFile'] as const) {
    const needed = options[name];
    if (needed === undefined) continue;
    try {
      accessSync(needed, constants.R_OK);
    } catch (cause) {
      const { message } = CellwallError.from(cause);
      throw new CellwallError('invalid_argument', `--admin-oidc: ${file}: ${name}: ${message}`, {
        hint: `see ${page}`,
        cause,
      });
    }
  }
  return options;
}

function isGuarded(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || isLoopback(hostname.replace(/^\[(.*)\]$/, '$1'));
}
