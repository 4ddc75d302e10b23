// Serves the page: the same static files to everybody who calls this server by its name, with or without a credential. What they show comes
// from the API, which asks for one.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { CellwallError } from '../../lib/errors.ts';
import type { PageFiles } from './page-files.ts';

/** Only files of this server run, nothing written into the page does, and nothing calls anywhere else. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const headers: Readonly<Record<string, string>> = {
  'content-security-policy': policy,
  'cross-origin-opener-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
  vary: 'accept-encoding',
};

/** Adds `GET /` and `GET /page/…`. The page keeps its own places in the fragment, so there are no others. */
export function addPage(app: FastifyInstance, files: PageFiles): void {
  const answer = (path: string, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const found = files.find(path);
    if (found === undefined) {
      throw new CellwallError('not_found', path === '' ? 'the page is not built' : 'no such file of the page', {
        hint: path === '' ? 'npm run build, or node scripts/build-page.ts in a checkout' : 'load the page again',
      });
    }
    const zip = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''));
    return reply
      .headers({
        ...headers,
        'cache-control': found.lasting ? 'private, max-age=31536000, immutable' : 'no-cache',
        ...(zip ? { 'content-encoding': 'gzip' } : {}),
      })
      .type(found.mediaType)
      .send(zip ? found.zipped : found.bytes);
  };
  const config = { access: 'open', page: true } as const;
  app.get('/', { config }, (request, reply) => answer('', request, reply));
  app.get<{ Params: { '*': string } }>('/page/*', { config }, (request, reply) =>
    answer(`page/${request.params['*']}`, request, reply),
  );
}
